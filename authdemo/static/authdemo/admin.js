// Django draws the boxes in which one chooses groups and rights once the page is there, each with a question mark that
// has a label and no role: whoever hears the page would not hear the label.
"use strict";

window.addEventListener("load", () => {
  // After Django's own listener, whichever of the two was first.
  setTimeout(() => {
    for (const mark of document.querySelectorAll("span.help-tooltip[aria-label]")) mark.setAttribute("role", "img");
  });
});

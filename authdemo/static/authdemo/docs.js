// What Swagger UI draws and no style sheet can mend, for whoever hears the page or has no mouse; after each drawing.
"use strict";

(() => {
  const page = document.getElementById("swagger-ui");

  function set(selector, name, value) {
    for (const found of page.querySelectorAll(selector)) {
      if (found.getAttribute(name) !== value) found.setAttribute(name, value);
    }
  }

  function mend() {
    // No level of heading is left out below the title of the page.
    set(".opblock-tag", "aria-level", "2");
    set(".opblock-body h4", "aria-level", "3");
    set(".opblock-body h5", "aria-level", "4");
    // The title stands before the landmark of all else.
    set(".information-container", "role", "region");
    set(".information-container", "aria-label", "About this API");
    // The whole line is a button already; a link within would be met, and heard, twice.
    for (const link of page.querySelectorAll(".opblock-summary-control a[href]")) link.removeAttribute("href");
  }

  new MutationObserver(mend).observe(page, { childList: true, subtree: true });
})();

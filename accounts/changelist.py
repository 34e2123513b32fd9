"""Django's list of rows, paged by accounts/paging.py: at home in the admin, and as quick with a million rows.

What nobody can wait for at that number is not offered at any: a count of everything, page 20,000, all rows on
one page, an action on all that match at once, sorting by a column that has no index.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core.exceptions import BadRequest
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import formats
from django.utils.translation import gettext as _

from accounts import paging
from accounts.paging import Along, BadPlace, Page, Place, Walk

NOTHING = Q(pk__in=[])


class PagedChangeList(ChangeList):
    """One page of what its admin's `get_walk` finds; `page` has the places of the others."""

    walk: Walk
    page: Page
    errors: list[str]
    # What is looked for, as it was typed, where the list is one of Logins.
    asked: dict[str, str] | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """All that match, for an action on some of them; none where the address asks for what cannot be."""
        rows: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        self.errors = []
        self.walk = self._admin.get_walk(request, self)
        return rows.filter(self.walk.wanted)

    @property
    def _admin(self) -> PagedAdmin:
        return cast("PagedAdmin", self.model_admin)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """None: the page has its order from the walk."""
        return []

    @property
    def sort(self) -> tuple[str, bool]:
        """The column by which this is sorted, and whether its highest value is first."""
        first: str = self.params.get(ORDER_VAR, "").split(".")[0]
        number = first.removeprefix("-")
        if number.isascii() and number.isdigit() and int(number) < len(self.list_display):
            name = str(self.list_display[int(number)])
            if name in (self.sortable_by or ()):
                return name, first.startswith("-")
        return self._admin.default_sort

    def get_ordering_field_columns(self) -> Any:
        """The one column that the list is really sorted by."""
        name, is_descending = self.sort
        return {self.list_display.index(name): "desc" if is_descending else "asc"}

    def refuse(self, *errors: str) -> Walk:
        """The way to nothing at all, for an address that asks for what cannot be; the page will say why."""
        self.errors += errors
        return Walk(model=self.model, along=Along("pk"), wanted=NOTHING, few=Along("pk", ()))

    def get_results(self, request: HttpRequest) -> None:
        """Django's attributes, in such a way that its templates count and page nothing themselves."""
        try:
            place = self.walk.place(request.GET.get(PAGE_VAR, "") if not self.errors else "")
        except BadPlace:
            self.errors.append(_("There is no such page; this is the first one."))
            place = Place(is_back=False)
        rows = self.apply_select_related(self.root_queryset)
        self.page = self.walk.page(place, rows=rows, size=self.list_per_page)
        self.result_list: Any = list(self.page.rows)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = bool(self.result_list)
        for error in self.errors:
            messages.error(request, error)

    @property
    def links(self) -> dict[str, str | None]:
        """The addresses of the other pages, where there are any."""
        places = {
            "first": paging.FIRST if self.page.previous else None,
            "previous": self.page.previous,
            "next": self.page.next,
            "last": paging.LAST if self.page.next else None,
        }
        return {
            name: self.get_query_string({PAGE_VAR: None if place == paging.FIRST else place})
            for name, place in places.items()
            if place
        }

    @property
    def how_many(self) -> str:
        """How many match, as far as was counted: "more than 10,000 logins"."""
        number, is_all = self.page.total
        told = formats.number_format(number, use_l10n=True, force_grouping=True)
        what = self.opts.verbose_name if number == 1 and is_all else self.opts.verbose_name_plural
        if is_all:
            return f"{told} {what}"
        return _("more than %(number)s %(what)s") % {"number": told, "what": what}

    @property
    def looked(self) -> str:
        """How many rows were looked at where the look was given up."""
        return formats.number_format(paging.LOOK, use_l10n=True, force_grouping=True)


class PagedAdmin:
    """For a ModelAdmin before its other parents; it says in `get_walk` which index answers what."""

    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    # The column (of `list_display`), and whether its highest value comes first.
    default_sort: ClassVar[tuple[str, bool]]

    def get_walk(self, request: HttpRequest, changelist: PagedChangeList) -> Walk:
        """The way to what this list shows, in the order of `changelist.sort`."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Ours."""
        return PagedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """All: the walk searches."""
        return queryset, False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's; 400 where the address asks for what cannot be."""
        answer: Any = super().changelist_view(request, extra_context)  # type: ignore[misc]
        changelist = (getattr(answer, "context_data", None) or {}).get("cl")
        if changelist is not None and changelist.errors:
            answer.status_code = 400
        return answer  # type: ignore[no-any-return]

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], **options: Any
    ) -> HttpResponse | None:
        """Django's, for rows that were chosen one by one: "all that match" might be a million."""
        if request.POST.get("select_across", "0").lower() not in ("", "0", "false"):
            raise BadRequest("rows are chosen one by one here")
        answer: HttpResponse | None = super().response_action(request, queryset, **options)  # type: ignore[misc]
        return answer

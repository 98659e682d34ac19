"""The rules in memory against a model that is too simple to be wrong: lists, summed anew at each question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hyperinfer.api.store.book import Book
from hyperinfer.api.store.records import WorkspaceRecord
from hyperinfer.nodes.ports import Principal
from tests.api.store.samples import an_admission

if TYPE_CHECKING:
    from hyperinfer.engine.failure import Failure

WORKSPACES = ("ws_a", "ws_b")


def _principal(workspace: str) -> Principal:
    return Principal(workspace=workspace, workspace_name=workspace, key_id=f"key_{workspace}")


workspaces = st.sampled_from(WORKSPACES)
requests = st.sampled_from([f"r{number}" for number in range(8)])
amounts = st.integers(0, 10**19)


class Rules(RuleBasedStateMachine):
    """Admissions, releases and commits in any order, heard of in any order too."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.committed: dict[str, list[int]] = {}
        self.held: list[tuple[str, str, int]] = []
        self.locked: set[str] = set()
        self.unheard: list[tuple[str, int, int]] = []
        self.heard: dict[str, int] = dict.fromkeys(WORKSPACES, 0)
        for workspace in WORKSPACES:
            self.committed[workspace] = [100]
            self.book.put_workspace(WorkspaceRecord(workspace, workspace, False, 100, 0, 0.0))

    def balance(self, workspace: str) -> int:
        """As of the newest commit that was heard of."""
        return sum(self.committed[workspace][: self.heard[workspace] + 1])

    @rule(request=requests, workspace=workspaces, amount=amounts)
    def admit(self, request: str, workspace: str, amount: int) -> None:
        failure: Failure | None = self.book.admit(an_admission(request, _principal(workspace), amount), 0.0)
        known = any(held == request for held, _, _ in self.held)
        free = self.balance(workspace) - sum(a for _, w, a in self.held if w == workspace)
        if known:
            assert failure is None
        elif workspace in self.locked:
            assert failure is not None
            assert failure.code == "workspace_locked"
        elif amount > 0 and free <= 0:
            assert failure is not None
            assert failure.code == "insufficient_credits"
        else:
            assert failure is None
            self.held.append((request, workspace, amount))

    @rule(request=requests)
    def release(self, request: str) -> None:
        self.book.release(request)
        self.held = [hold for hold in self.held if hold[0] != request]

    @rule(workspace=workspaces, moved=st.integers(-(10**18), 10**18))
    def commit(self, workspace: str, moved: int) -> None:
        self.committed[workspace].append(moved)
        version = len(self.committed[workspace]) - 1
        self.unheard.append((workspace, sum(self.committed[workspace]), version))

    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        if self.unheard:
            workspace, balance, version = data.draw(st.sampled_from(self.unheard))
            self.book.move(workspace, balance, version)
            self.heard[workspace] = max(self.heard[workspace], version)

    @rule(workspace=workspaces, locked=st.booleans())
    def lock(self, workspace: str, locked: bool) -> None:
        record = WorkspaceRecord(workspace, workspace, locked, self.balance(workspace), self.heard[workspace], 0.0)
        self.book.put_workspace(record)
        (self.locked.add if locked else self.locked.discard)(workspace)

    @invariant()
    def the_sums_agree(self) -> None:
        assert self.book.holds() == len(self.held)
        for workspace in WORKSPACES:
            assert self.book.held(workspace) == sum(a for _, w, a in self.held if w == workspace)
            record = self.book.workspace(workspace)
            assert record is not None
            assert record.balance == self.balance(workspace)


TestRules = Rules.TestCase
TestRules.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

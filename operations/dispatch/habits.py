"""What people say becomes known by its sort; what they keep saying is offered to stand; what stands may be ended."""

from __future__ import annotations

from dataclasses import replace

from operations.dispatch.maker import Maker
from operations.dispatch.standing import in_words, offer, renewal, said_of
from operations.state.events import (
    SAID,
    STANDING,
    STANDING_ACCEPTED,
    STANDING_DECLINED,
    STANDING_USED,
    STANDING_WITHDRAWN,
    Fact,
)
from operations.state.proposals import ProposalState
from operations.state.standing import ACCEPTED, DECLINED, OFFERED, WITHDRAWN, Sort, StandingAnswer

BECOMES = {STANDING_ACCEPTED: ACCEPTED, STANDING_DECLINED: DECLINED, STANDING_WITHDRAWN: WITHDRAWN}
FROM = {ACCEPTED: (OFFERED,), DECLINED: (OFFERED,), WITHDRAWN: (ACCEPTED,)}


class Habits(Maker):
    """Standing answers: offered, accepted, declined, withdrawn, renewed."""

    def said(self, proposal: ProposalState, yes: bool, kinds: tuple[str, ...] | None = None) -> None:
        """Keep what a person said about the sorts in a proposal (or ``kinds`` of it), and offer what that suggests."""
        if self.state.day.approvals.standing_after is None or not proposal.cause:
            return
        if kinds is None:
            kinds = tuple(sorted({one.kind for one in proposal.open_items}))
        new = [said_of(proposal, one) for one in kinds]
        if not new:
            return
        told = []
        for n, one in enumerate(new):
            facts: dict[str, Fact] = {
                "cause": one.sort.cause,
                "fleet": one.sort.fleet_id,
                "what": one.sort.kind,
                "price_minor": one.price_minor,
                "late_s": one.late_s,
                "yes": int(yes),
                "by": proposal.by or str(self.event.facts.get("by", "")) or "a person",
                "reason": str(self.event.facts.get("reason", "")),
            }
            told.append(self._event(SAID, facts=facts, suffix=f"/said-{n}"))
        word = "yes" if yes else "no"
        words = ", ".join(f"{word} to {one.sort.name}, {self._money(one.price_minor)}" for one in new)
        self._add("said", (), words, *told, fleet=proposal.fleet_id, price=sum(one.price_minor for one in new))
        for one in new if yes else ():
            self._offer(offer(self.state, one.sort))

    def _offer(self, found: StandingAnswer | None) -> None:
        """Offer it; whoever said yes for good has accepted it with that."""
        if found is None:
            return
        if self.event.facts.get("standing"):
            by = str(self.event.facts.get("by", "")) or "a person"
            self._accept(found, by, str(self.event.facts.get("reason", "")))
            return
        alike = self.state.standing.alike(found.sort)[-found.after :]
        prices = ", ".join(self._money(one.price_minor) for one in alike)
        self._standing(
            found, f"offered: {in_words(found, self.currency)}, after {found.after} answers alike ({prices})"
        )

    def _standing(self, answer: StandingAnswer, words: str) -> None:
        told = self._event(STANDING, facts=answer.facts())
        self._add("standing", (), words, told, fleet=answer.sort.fleet_id, price=answer.limit_minor)

    def about_standing(self) -> None:
        """A person's word about a standing answer."""
        event, status = self.event, BECOMES[self.event.kind]
        name = str(event.facts.get("standing"))
        answer = self.state.standing.answers.get(name)
        if answer is None or answer.status not in FROM[status]:
            self._add(
                "refuse", (), f"there is no standing answer {name}" if answer is None else f"it is {answer.status}"
            )
            return
        by, reason = str(event.facts.get("by", "")) or "a person", str(event.facts.get("reason", ""))
        if status == ACCEPTED:
            self._accept(answer, by, reason)
        elif status == WITHDRAWN:
            self.end(answer.sort, by, reason)
        else:
            said = replace(answer, status=status, by=by, reason=reason)
            self._standing(said, f"declined by {by}: {reason}: {in_words(answer, self.currency)}")

    def _accept(self, answer: StandingAnswer, by: str, reason: str) -> None:
        # a person may allow less than is offered, and never more
        limit = max(0, min(answer.limit_minor, self.event.number("limit_minor", answer.limit_minor)))
        late = max(0, min(answer.late_s, self.event.number("late_s", answer.late_s)))
        said = replace(answer, status=ACCEPTED, by=by, reason=reason, limit_minor=limit, late_s=late)
        self._standing(
            said, f"accepted by {by}" + (f": {reason}" if reason else "") + f": {in_words(said, self.currency)}"
        )

    def end(self, sort: Sort, by: str, reason: str) -> None:
        """No standing answer of a sort holds any more."""
        known = self.state.standing
        for name in sorted(known.answers):
            answer = known.answers[name]
            if answer.sort == sort and answer.status == ACCEPTED:
                gone = replace(answer, status=WITHDRAWN, by=by, reason=reason)
                self._standing(gone, f"withdrawn by {by}: {reason}: {in_words(answer, self.currency)}")

    def overridden(self, order_id: str) -> None:
        """Whoever decides otherwise what a standing answer has done ends it."""
        known = self.state.standing
        names = {one.standing_id for one in known.uses if one.order_id == order_id}
        by = str(self.event.facts.get("by", "")) or "a person"
        for sort in sorted({known.answers[name].sort for name in names if name in known.answers}):
            self.end(sort, by, f"{order_id} was decided otherwise: {self.event.facts.get('reason', '')}")

    def renew(self) -> None:
        """What was used and ends soon is offered for longer."""
        used = {
            str(one.facts["standing"]) for made in self.decisions for one in made.events if one.kind == STANDING_USED
        }
        for name in sorted(used):
            found = renewal(self.state, self.state.standing.answers[name])
            if found is not None:
                self._standing(found, f"offered for longer: {in_words(found, self.currency)}")

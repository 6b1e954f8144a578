"""True sentences about a scene: what is there, how many, where, and of which colour.

A caption is a claim about the plan of a scene and a way to put it in words. Claims can be judged on any plan, so that a
caption drawn for one scene is known to be true, or not, of every other: a contrastive loss needs that where pictures have
few classes. The same generator state gives the same caption.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .colours import HUES, PAINTABLE, colour_of
from .glyphs import EmojiClass
from .scene import Placement, Plan

# Nouns that take no article, and what two of them are called.
WITHOUT_ARTICLE = {"grapes": "bunches of grapes", "glasses": "pairs of glasses", "corn": "ears of corn"}
NUMBERS = {1: "one", 2: "two", 3: "three"}
# Centres at least this far apart, as a fraction of the picture's side, make one object left of (above) the other.
APART = 0.15
# The outer parts of the picture, of its width (height), that are called its left and right (top and bottom).
OUTER = 0.38
RELATIONS = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
PLACES = {"on the left": "on the right", "on the right": "on the left",
          "at the top": "at the bottom", "at the bottom": "at the top"}
FRAMES = ("{}", "a photo of {}", "a picture of {}", "an image of {}", "a scene with {}")


@dataclass(frozen=True)
class Thing:
    """Objects of one class: `count` of them exactly, or one at least where that is None; all of `colour`, if said."""

    class_index: int
    count: int | None = None
    colour: str | None = None


@dataclass(frozen=True)
class Claim:
    """All `things` are there; the first is at `place`, and in `relation` to the second, where these are said."""

    things: tuple[Thing, ...]
    place: str | None = None
    relation: str | None = None


@dataclass(frozen=True)
class Caption:
    """A claim and its words."""

    claim: Claim
    text: str


def by_class(plan: Plan) -> dict[int, list[Placement]]:
    """A plan's objects, by their class."""
    groups: dict[int, list[Placement]] = defaultdict(list)
    for item in plan.objects:
        groups[item.class_index].append(item)
    return groups


def _related(a: Placement, b: Placement, relation: str) -> bool:
    """Whether a is left of b, and so on. The picture's y grows downwards."""
    along = {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}[relation]
    return along >= APART


def _placed(a: Placement, place: str) -> bool:
    return {"on the left": a.x, "on the right": 1 - a.x, "at the top": a.y, "at the bottom": 1 - a.y}[place] <= OUTER


def holds(claim: Claim, groups: dict[int, list[Placement]], classes: Sequence[EmojiClass]) -> bool:
    """Whether the claim is true of a plan, given `by_class`. What is said of a class is said of all its objects."""
    for thing in claim.things:
        objects = groups.get(thing.class_index)
        if not objects or thing.count not in (None, len(objects)):
            return False
        if thing.colour and any(colour_of(a, classes) != thing.colour for a in objects):
            return False
    first = groups[claim.things[0].class_index]
    if claim.place and not all(_placed(a, claim.place) for a in first):
        return False
    if claim.relation:
        second = groups[claim.things[1].class_index]
        return all(_related(a, b, claim.relation) for a in first for b in second)
    return True


def truth(plans: Sequence[Plan], captions: Sequence[Caption], classes: Sequence[EmojiClass]) -> np.ndarray:
    """Which caption is true of which plan: bool [plans, captions]."""
    grouped = [by_class(plan) for plan in plans]
    rows_with: dict[int, set[int]] = defaultdict(set)
    for row, groups in enumerate(grouped):
        for class_index in groups:
            rows_with[class_index].add(row)
    table = np.zeros((len(plans), len(captions)), bool)
    for column, caption in enumerate(captions):
        for row in set.intersection(*(rows_with[thing.class_index] for thing in caption.claim.things)):
            table[row, column] = holds(caption.claim, grouped[row], classes)
    return table


def plural(noun: str) -> str:
    """The regular plural of a noun in our list; `fish` stays as it is."""
    if noun.endswith("fish"):
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def with_article(words: str) -> str:
    """`a` or `an`, by the letter that follows: no noun of ours starts with a silent h or a spoken `you`."""
    return ("an " if words[0] in "aeiou" else "a ") + words


class CaptionMaker:
    """Draws captions that are true of a plan, and twins of them that are not."""

    def __init__(self, classes: Sequence[EmojiClass]) -> None:
        self._classes = list(classes)

    def _phrase(self, thing: Thing, rng: np.random.Generator) -> str:
        """Words for a thing: the label or the CLDR short name, with its number or article and its colour."""
        entry = self._classes[thing.class_index]
        name = entry.label
        # A CLDR name may hold a colour or a count of its own (red apple, ear of corn).
        if thing.count in (None, 1) and thing.colour is None and rng.random() < 0.15:
            name = entry.cldr_name
        lead = thing.colour + " " if thing.colour else ""
        if thing.count is not None and thing.count > 1:
            if name in WITHOUT_ARTICLE:
                return f"{NUMBERS[thing.count]} {WITHOUT_ARTICLE[name]}"
            return f"{NUMBERS[thing.count]} {lead}{plural(name)}"
        if name in WITHOUT_ARTICLE:
            return lead + name
        return f"one {lead}{name}" if thing.count == 1 else with_article(lead + name)

    def word(self, claim: Claim, rng: np.random.Generator) -> str:
        """Put a claim in words."""
        phrases = [self._phrase(thing, rng) for thing in claim.things]
        if claim.relation:
            said = f"{phrases[0]} {claim.relation} {phrases[1]}"
        elif claim.place:
            said = f"{phrases[0]} {claim.place}"
        else:
            said = phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]
        if len(phrases) == 1 and not claim.place and claim.things[0] == Thing(claim.things[0].class_index) and rng.random() < 0.3:
            # As templates have it: the bare label, or the label after an `a` that may be wrong.
            label = self._classes[claim.things[0].class_index].label
            return (label, f"a photo of a {label}", f"a picture of a {label}", f"the {label}")[int(rng.integers(4))]
        return FRAMES[int(rng.choice(len(FRAMES), p=(0.6, 0.1, 0.1, 0.1, 0.1)))].format(said)

    def _thing(self, objects: list[Placement], counted: bool, rng: np.random.Generator) -> Thing:
        """The objects of one class, perhaps with their colour, and with their number if that is asked for."""
        colour = colour_of(objects[0], self._classes)
        paintable = self._classes[objects[0].class_index].label in PAINTABLE
        said = rng.random() < (0.5 if paintable else 0.15)
        return Thing(objects[0].class_index, len(objects) if counted else None, colour if said else None)

    def draw(self, plan: Plan, rng: np.random.Generator) -> Caption:
        """A caption that is true of the plan."""
        groups = by_class(plan)
        order = [int(c) for c in rng.permutation(list(groups))]
        first = groups[order[0]]
        claims, weights = [Claim((self._thing(first, False, rng),))], [2.0]
        # Several objects of a class are counted wherever more is said, as "a cat" would be odd for two.
        things = tuple(self._thing(groups[c], len(groups[c]) > 1, rng) for c in order)

        def offer(claim: Claim, weight: float) -> None:
            claims.append(claim)
            weights.append(weight)

        if len(first) > 1 or rng.random() < 0.1:
            offer(Claim((self._thing(first, True, rng),)), 3.0)
        if len(order) > 1:
            offer(Claim(things[:2]), 1.5)
            related = [r for r in RELATIONS if holds(Claim(things[:2], relation=r), groups, self._classes)]
            if related:
                offer(Claim(things[:2], relation=related[int(rng.integers(len(related)))]), 3.0)
        if len(order) > 2:
            offer(Claim(things[:3]), 1.0)
        places = [p for p in PLACES if all(_placed(a, p) for a in first)]
        if places:
            offer(Claim(things[:1], place=places[int(rng.integers(len(places)))]), 1.5)
        claim = claims[int(rng.choice(len(claims), p=np.asarray(weights) / sum(weights)))]
        return Caption(claim, self.word(claim, rng))

    def draw_simple(self, plan: Plan, rng: np.random.Generator) -> Caption:
        """A caption that only says that one of the plan's classes is there."""
        claim = Claim((self._thing([plan.objects[int(rng.integers(len(plan.objects)))]], False, rng),))
        return Caption(claim, self.word(claim, rng))

    def draw_false(self, plan: Plan, true: Caption, rng: np.random.Generator) -> Caption:
        """A caption like `true` that is not true of the plan: another colour, count or class, the opposite place or relation."""
        claim, groups = true.claim, by_class(plan)
        things = list(claim.things)
        coloured = [i for i, t in enumerate(things) if t.colour and self._classes[t.class_index].label in PAINTABLE]
        if coloured and (rng.random() < 0.5 or len(things) == 1):
            index = coloured[int(rng.integers(len(coloured)))]
            others = [c for c in HUES if c != things[index].colour]
            things[index] = replace(things[index], colour=others[int(rng.integers(len(others)))])
            twin = replace(claim, things=tuple(things))
        elif claim.relation:
            twin = replace(claim, relation=RELATIONS[claim.relation])
        elif claim.place:
            twin = replace(claim, place=PLACES[claim.place])
        elif (things[0].count or 0) > 1:
            other = 5 - things[0].count  # two for three, three for two
            twin = replace(claim, things=(replace(things[0], count=other), *things[1:]))
        else:
            absent = [c for c in range(len(self._classes)) if c not in groups]
            things[int(rng.integers(len(things)))] = Thing(absent[int(rng.integers(len(absent)))])
            twin = replace(claim, things=tuple(things))
        assert not holds(twin, groups, self._classes)
        return Caption(twin, self.word(twin, rng))

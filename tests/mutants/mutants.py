"""Mutants of a source: each has one check deleted, negated or moved by one."""

import collections

from source import CLOSING, OPENING, Source

# A bound is moved by one, an equality turned round.
BOUNDS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
EQUALITIES = {"==": "!=", "!=": "=="}
# Where an operand of && or || ends at the latest.
ENDS = {",", ";", "?", ":", "=", "return", "+=", "-=", "|=", "&="}
# What ends the process when its first argument does not hold.
CLAIMS = {"must", "verify"}


class Mutant:
    """What it makes of which piece of its file: .name says so, and is its own
    in the file."""

    def __init__(self, source, function, kind, piece, change):
        first, last = piece
        self.function = function
        self.kind = kind
        self.line = source.line(first)
        self.begin = source.tokens[first].begin
        self.end = source.tokens[last].end
        self.words = source.words(first, last)
        self.change = change
        self.name = ""

    def apply(self, text):
        """The file's text with it."""
        old = text[self.begin:self.end]
        return text[:self.begin] + self.change.format(old) + text[self.end:]


class _Finder:
    """Finds those of a function, from its { to its }.  A condition, an operand
    of && or ||, a claim and an early return are deleted: what they call is
    called still."""

    def __init__(self, source, name, first, last):
        self.source = source
        self.tokens = source.tokens
        self.name = name
        self.first, self.last = first, last
        self.deleted = set()  # pieces, whose equality need not be turned round

    def _make(self, kind, piece, change):
        return Mutant(self.source, self.name, kind, piece, change)

    def _delete(self, kind, piece, change):
        self.deleted.add(piece)
        return self._make(kind, piece, change)

    def _condition(self, place):
        """Of an if or a while, which is never true then."""
        return self._delete(
            "never", (place + 2, self.tokens[place + 1].other - 1),
            "(({}) && 0)")

    def _claim(self, place):
        """It ends nothing any more."""
        end = place + 2
        while self.tokens[end].text not in {",", ")"}:
            end = (self.tokens[end].other if self.tokens[end].text in OPENING
                   else end) + 1
        return self._delete("unchecked", (place + 2, end - 1), "(({}) || 1)")

    def _edge(self, place, step, sign):
        """The last token of sign's operand on that side."""
        brackets = OPENING if step > 0 else CLOSING
        stops = ENDS | {"||"} | ({"&&"} if sign == "&&" else set())
        place += step
        while True:
            text = self.tokens[place].text
            if text in brackets:
                place = self.tokens[place].other
            elif text in stops or text in OPENING or text in CLOSING:
                return place - step
            place += step

    def _operands(self, place):
        """Both of && or ||, where another one of the same kind does not have
        it on its right."""
        sign = self.tokens[place].text
        change = "(({}) || 1)" if sign == "&&" else "(({}) && 0)"
        left = self._edge(place, -1, sign)
        if self.tokens[left - 1].text != sign:
            yield self._delete("without", (left, place - 1), change)
        yield self._delete("without", (place + 1, self._edge(place, 1, sign)),
                           change)

    def _comparison(self, place):
        piece = self._edge(place, -1, "&&"), self._edge(place, 1, "&&")
        sign = self.tokens[place].text
        if sign in EQUALITIES and piece in self.deleted:
            return
        kind = "moved" if sign in BOUNDS else "turned"
        mutant = self._make(kind, (place, place),
                            (BOUNDS | EQUALITIES)[sign])
        mutant.words = self.source.words(*piece)
        yield mutant

    def _return(self, place):
        """An early one, at the end of a block with more in it."""
        end = place
        while self.tokens[end].text != ";":
            end += 1
        after = self.tokens[end + 1]
        if (after.text == "}" and end + 1 != self.last and
                self.tokens[place - 1].text not in {"{", ":"}):
            yield self._make("no return", (place, end), ";")

    def _places(self):
        """Of the tokens; how far a for loop goes is no check."""
        place = self.first
        while place < self.last:
            if self.tokens[place].text == "for":
                place = self.tokens[place + 1].other
            yield place
            place += 1

    def find(self):
        """All, in the order of the text."""
        found, compared = [], []
        for place in self._places():
            text = self.tokens[place].text
            if text in {"if", "while"}:
                found.append(self._condition(place))
            elif text in CLAIMS and self.tokens[place + 1].text == "(":
                found.append(self._claim(place))
            elif text in {"&&", "||"}:
                found += self._operands(place)
            elif text in BOUNDS or text in EQUALITIES:
                compared.append(place)
            elif text == "return":
                found += self._return(place)
        for place in compared:
            found += self._comparison(place)
        return sorted(found, key=lambda mutant: mutant.begin)


def mutants_of(text):
    """Of a file with that text, each with a name of its own."""
    source = Source(text)
    found = []
    count = collections.Counter()
    for function in source.functions:
        for mutant in _Finder(source, *function).find():
            name = f"{mutant.function}: {mutant.kind}: {mutant.words}"
            count[name] += 1
            mutant.name = f"{name} #{count[name]}" if count[name] > 1 else name
            found.append(mutant)
    return found

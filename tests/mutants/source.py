"""The tokens of a C source, and the functions they are in."""

import re

TOKEN = re.compile(r"""
    (?P<skip>\s+ | /\*.*?\*/ | //[^\n]* | ^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<text>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
  | (?P<sign>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\.\.\.|.)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)
OPENING = {"(": ")", "[": "]", "{": "}"}
CLOSING = {close: open_ for open_, close in OPENING.items()}


class Token:
    """A word or sign, where it is, and the place of its other bracket."""

    def __init__(self, text, begin):
        self.text = text
        self.begin = begin
        self.end = begin + len(text)
        self.other = None


class Source:
    """A file: its text, .tokens without comments and preprocessor lines, and
    .functions: name, place of { and of } in .tokens."""

    def __init__(self, text):
        self.text = text
        self.tokens = [Token(found.group(), found.start())
                       for found in TOKEN.finditer(text)
                       if found.lastgroup != "skip"]
        self._pair()
        self.functions = list(self._functions())

    def _pair(self):
        open_ = []
        for place, token in enumerate(self.tokens):
            if token.text in OPENING:
                open_.append(place)
            elif token.text in CLOSING:
                token.other = open_.pop()
                self.tokens[token.other].other = place

    def _functions(self):
        place = 0
        while place < len(self.tokens):
            token = self.tokens[place]
            if token.text == "{":
                before = self.tokens[place - 1]
                if before.text == ")":
                    name = self.tokens[before.other - 1].text
                    yield name, place, token.other
                place = token.other
            place += 1

    def words(self, first, last):
        """The text from one token to another, on one line."""
        return " ".join(self.text[self.tokens[first].begin:
                                  self.tokens[last].end].split())

    def line(self, place):
        """The number of the token's line."""
        return self.text.count("\n", 0, self.tokens[place].begin) + 1

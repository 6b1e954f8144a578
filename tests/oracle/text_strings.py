"""Prompts to hold tokenizers against each other with: what people write, and what Unicode, HTML and keyboards hold in store.

Characters are those of Unicode 14, which Python 3.11, ICU 72 and newer ones agree on.
"""

import html.entities
import itertools
import random
import sys
import unicodedata

COLOURS = "red green blue yellow black white grey brown orange purple pink golden".split()
THINGS = ("cat dog car tree house bicycle boat bird apple lemon chair table cup bottle clock lamp guitar horse sheep cow train bus aeroplane "
          "umbrella mountain river bridge flower mushroom butterfly elephant giraffe penguin robot rocket telescope").split()
PLACES = ("on a beach", "in the snow", "under a bridge", "next to a window", "in front of the sea", "at night", "on a wooden table",
          "behind the fence", "left of a green car", "above the clouds")
FRAMES = ("a photo of a {}", "a {}", "two {}s", "the {}'s shadow", "A close-up photo of one {}.", "a drawing of the {}, 1987", "it's a {}!",
          "I've seen that {}; they'll like it", "what {}?", "itap of my {}")
WORDS_ELSEWHERE = ("кошка на столе", "ΟΔΟΣ και ΣΟΦΟΣ ΣΣ", "un été à la plage", "größer als ein Straßenschild", "señor, ¿dónde está?",
                   "İstanbul'da bir KEDİ", "ılık su", "猫とリンゴ", "안녕하세요 고양이", "ภาพถ่ายของแมว", "एक बिल्ली", "قطة سوداء على الكرسي",
                   "חתול שחור", "naïve café", "Ђорђе Љубав", "một con mèo đẹp", "ǅ ǆ Ǆ ŉ Ĳsselmeer", "ﬁne ﬂuﬀy oﬃce ﬅ ﬆ",
                   "ＦＵＬＬ　ＷＩＤＴＨ１２３", "ﾊﾟﾋﾟ ｶﾞ", "K Å Ω µ ſ ẞ ß", "x²+y³=½ Ⅳ ④ ٣ ๓", "'ſ 'S 'LL 'Ve 'rE'd")
HTML = ("&lt;b&gt;bold&lt;/b&gt;", "<b>a &amp; b</b>", "fish &amp; chips", "&amp;amp;amp; twice", "&eacute;t&Eacute; &EACUTE; &NTILDE;",
        "&hellip; &mdash; &nbsp; &copy 2020", "&notit; &notin; &not", "&#65;&#x42;&#X43;&#68", "&#0; &#xD800; &#x110000; &#128; &#x9f;",
        "&#59; &#38;lt; &#;", "&;", "&x; & y", "a&b&c", "&bogus; &SZLIG; &frac12; &FRAC12;", "line<br>break &lt;br&gt;",
        "a &lt; b\nc < d &lt;\ne &lt; f", "&#1; &#11; &#12; &#13; &#127;", "&ampamp;", "&CounterClockwiseContourIntegral;", "&acE; &bne;",
        "&#99999999999999999999;", "&#x1F600;&zwj;&#xFE0F;", "&apos;s &quot;q&quot;")
MARKS = ("“curly” ‘quotes’ ‛a‟ „b‚ ʼn", "don’t they’ve I’m we’ll he’d it’s", "a\r\nb\rc\u2028d\u2029e\x85f", "\x1b[31mred\x1b[0m \x1b[1;4m\x1b[",
         "\ufeffBOM\ufeff", "tab\tand\x0bvertical\x0cfeed", "a\x1cb\x1dc\x1ed\x1fe", "zero\u200bwidth\u200cnon\u200djoiner\u2060", "\u00adsoft\u00adhyphen",
         "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202emarks\u2066\u2067\u2068\u2069", "nb\u00a0sp\u2007\u202f\u3000x", "\u180e\u1680\u2000\u200a",
         "a_b __c__ snake_case!", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "ΑΣ_Β ΑΣ.Β ΑΣ'Β ΑΣ Β", "ΑΣ\u0301 Σ ΣΑ ·Σ· ΑΣ\u00adΒ", "▁word ▁▁ w▁", "�")
SPECIAL = ("<start_of_text>", "a <end_of_text> b", "<START_OF_TEXT> c", "<|startoftext|>", "x<|endoftext|>y", "<|STARTOFTEXT|>!!", "</s> <unk> <pad> <s>",
           "<ſtart_of_text>", "<|endoftext|><|endoftext|>", "<end_of_text>!", "<0x0A>", "<bos>", "</w>", "a</w>b", "[INST] x [/INST]")
EMOJI = ("😀 😃", "👩‍👩‍👧‍👦 family", "👍🏽👍🏿", "🇩🇪🇫🇷 flags", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️‍🔥 ♥︎", "1️⃣#️⃣", "🧑🏻‍🦰🧑‍🚀", "a🐈b🐕c", "☺️☺")


def captions(random_, count):
    for _ in range(count):
        thing = f"{random_.choice(COLOURS)} {random_.choice(THINGS)}"
        yield f"{random_.choice(FRAMES).format(thing)} {random_.choice(PLACES)}"


def assigned():
    """Every character there is, but for NUL, surrogates and all but a few of those for private use."""
    for code in range(1, sys.maxunicode + 1):
        kind = unicodedata.category(chr(code))
        if kind not in ("Cn", "Cs") and (kind != "Co" or code % 997 == 0):
            yield chr(code)


def all_characters(width=24):
    """Strings that hold each of them once, some between letters and some alone."""
    letters = assigned()
    for number in itertools.count():
        chunk = list(itertools.islice(letters, width))
        if not chunk:
            return
        yield ("", " ", "x", "1")[number % 4].join(chunk)


def random_strings(random_, count):
    letters = list(assigned())
    marks = [letter for letter in letters if unicodedata.category(letter) in ("Mn", "Mc", "Me")]
    cased = [letter for letter in letters if letter.lower() != letter or letter.upper() != letter]
    rtl = [letter for letter in letters if unicodedata.bidirectional(letter) in ("R", "AL", "AN")]
    jamo = [chr(code) for code in range(0x1100, 0x1200)]
    ascii_ = [chr(code) for code in range(1, 128)]
    latin = [chr(code) for code in range(1, 0x250)]
    entities = [f"&{name}" for name in html.entities.html5]
    spaces = list(" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000\u200b")
    kinds = (letters, ascii_, latin, [*marks, *"aeionAEI"], rtl, [*cased, *"ΣΣσ '."], jamo, [*entities, "&", ";", "x"], [*spaces, *"ab"],
             [*"'sStTrReEvVmMlLdD "], [*"aaabc_!&#;x0 "])
    for number in range(count):
        pool = kinds[number % len(kinds)]
        yield "".join(random_.choices(pool, k=random_.randint(1, 24)))


def long_strings(random_):
    yield "a" * 10000
    yield " ".join(captions(random_, 200))[:10000]
    yield "".join(random_.choices(list(assigned()), k=10000))
    yield "é" * 10000
    yield "ab" * 5000
    yield " " * 10000
    yield "!?" * 5000
    yield "猫" * 3333


def written(random_, captions_=120):
    """What a person, a web page or a program might write: a few hundred."""
    return ["", " ", "\n", "a", "A", *captions(random_, captions_), *WORDS_ELSEWHERE, *HTML, *MARKS, *SPECIAL, *EMOJI]


def everything(seed=0, random_count=6000):
    """Tens of thousands."""
    random_ = random.Random(seed)
    return [*written(random_, 1000), *random_strings(random_, random_count), *all_characters(), *long_strings(random_)]

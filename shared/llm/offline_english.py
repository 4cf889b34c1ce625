"""What the offline model knows of English: word lists and the forms of verbs."""

# Base, past and participle. What is regular is computed.
_IRREGULAR = """
be was been|be were been|beat beat beaten|become became become|begin began begun|bend bent bent|bet bet bet|
bite bit bitten|bleed bled bled|blow blew blown|break broke broken|breed bred bred|bring brought brought|
build built built|burn burnt burnt|buy bought bought|catch caught caught|choose chose chosen|come came come|
cost cost cost|cut cut cut|deal dealt dealt|dig dug dug|do did done|draw drew drawn|dream dreamt dreamt|
drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed fed|feel felt felt|
fight fought fought|find found found|fly flew flown|forget forgot forgotten|forgive forgave forgiven|
freeze froze frozen|get got gotten|give gave given|go went gone|grow grew grown|hang hung hung|have had had|
hear heard heard|hide hid hidden|hit hit hit|hold held held|hurt hurt hurt|keep kept kept|know knew known|
lead led led|learn learnt learnt|leave left left|lend lent lent|let let let|light lit lit|lose lost lost|
make made made|mean meant meant|meet met met|pay paid paid|put put put|quit quit quit|read read read|
ride rode ridden|ring rang rung|rise rose risen|run ran run|say said said|see saw seen|sell sold sold|
send sent sent|set set set|shake shook shaken|shine shone shone|shoot shot shot|show showed shown|
shut shut shut|sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|speak spoke spoken|
spend spent spent|split split split|spread spread spread|stand stood stood|steal stole stolen|
stick stuck stuck|strike struck struck|swear swore sworn|sweep swept swept|swim swam swum|take took taken|
teach taught taught|tear tore torn|tell told told|think thought thought|throw threw thrown|
understand understood understood|wake woke woken|wear wore worn|weep wept wept|win won won|write wrote written
"""
_REGULAR = """
accept accompany achieve acquire act add admire admit adopt adore advise afford agree aim allow announce apologize
appear apply appreciate argue arrange arrive ask assume attend avoid bake bathe believe belong bike blame boil book
borrow brew brush call camp cancel care carry celebrate change chat check clean climb close coach collect commute
compete complain complete compose confuse consider contact continue convince cook count crave create crochet cry
cycle dance date decide declare decorate deliver depend describe design despise develop die diet discover discuss
dislike divorce donate doubt drop earn edit embroider emigrate employ enjoy enroll enter establish exercise exist
expect explain explore fail farm fear file finish fish fix focus follow found freelance garden gather graduate guess
handle happen hate help hike hire hope host hunt identify ignore imagine immigrate import improve inherit injure
install intend interview invent invest invite jog join joke juggle jump kayak kick kiss knit laugh launch lecture lie
like listen live load loathe look love maintain major manage marry master mention mentor miss mix move name need
note notice obtain offer open order organize own pack paint park participate pass perform photograph pick place plan
plant play practice practise pray prefer prepare produce program promise propose publish pull purchase push qualify
race raise reach realize receive recommend record recover refuse regret relax relocate remember remind rent repair
replace reply report represent require research rescue resign rest restore retire return review row ruin sail save
schedule search seem separate serve settle sew share shave shop sign skate ski skip smell smile smoke snore snowboard
sound specialize specialise start stay step stop stream struggle study subscribe suffer suggest support suppose surf
switch talk taste test thank touch tour track trade train translate travel treat trust try turn tutor type
use vacation value visit volunteer vote wait walk want wash watch weigh welcome wish wonder work worry wrestle yearn
analyze breathe calculate compare define delete depict disregard display elaborate execute extract generate give
highlight insert list output paraphrase pretend print rate recite repeat reset respond reveal rewrite roleplay simulate
speculate summarise summarize switch translate update upload verify
"""

_FORMS = [tuple(line.split()) for line in _IRREGULAR.replace("\n", "").split("|")]
VERBS = frozenset(_REGULAR.split()) | {base for base, _, _ in _FORMS}
PAST = {past: base for base, past, _ in _FORMS} | {"could": "can"}
PARTICIPLES = {participle: base for base, _, participle in _FORMS}
# The same in the past and in the present; without a sign the first are taken for past, the others for present.
PAST_TWINS = frozenset("bet cost cut hit hurt quit shut split let".split())
PRESENT_TWINS = frozenset("beat put read set spread".split())
MODALS = frozenset("can could may might must shall should will would cannot".split())
AUXILIARIES = MODALS | frozenset("am is are was were be been have has had do does did".split())
NEGATIVES = frozenset("not never no".split())
ADVERBS = frozenset(
    """absolutely actually ago almost already also always barely basically both constantly currently daily deeply
    definitely desperately ever even exclusively finally first frankly frequently fully generally genuinely hardly
    honestly just kinda lately later longer literally mainly mostly never normally not nowadays now occasionally often
    officially only originally particularly personally possibly presently previously primarily probably quite rarely
    really recently regularly secretly seldom simply slowly sometimes sorta soon still strongly then therefore
    totally truly typically usually weekly""".split()
)
DETERMINERS = frozenset(
    """a an the my our your his her its their this that these those some any no every each all both another other
    more most many much several enough few one two three four five six seven eight nine ten eleven twelve lots
    nothing everything something anything""".split()
)
PREPOSITIONS = frozenset(
    """about above across after against along around as at away back before behind below beside between beyond by down
    during for from in inside into near of off on onto out outside over past since through to toward towards under
    until till up upon via with within without home abroad here there""".split()
)
OBJECTS = frozenset("me him her it us them you myself that how what when where why whether".split())
SUBORDINATORS = frozenset(
    "if when whenever unless although though because while whereas once before after until as since".split()
)
REPORTING = frozenset(
    """say says said tell tells told think thinks thought believe believes believed claim claims claimed hope hopes
    hoped wish wishes wished dream dreamt dreamed guess suppose feel feels felt suspect imagine pretend pretended assume
    assumed doubt heard hear fear worry worried suggest suggests suggested""".split()
)
# Said without a subject, these tell of the speaker; every other bare verb at the start is a command.
SUBJECTLESS = frozenset(
    """love hate prefer enjoy adore miss need want like dislike live loathe despise crave own belong hope wish
    regret suffer""".split()
)
STATES = frozenset(
    """allergic born married divorced engaged single vegetarian vegan retired pregnant diabetic raised based
    originally fluent addicted afraid excited interested obsessed used sick tired busy hungry happy sad
    worried""".split()
)
PEOPLE = frozenset(
    """mother mom mum mam dad father parent parents brother brothers sister sisters son sons daughter daughters wife
    husband spouse partner boyfriend girlfriend fiance fiancee child children kid kids baby twins uncle aunt cousin
    cousins nephew niece grandmother grandma grandfather grandpa grandson granddaughter grandparents friend friends
    boss manager colleague colleagues coworker neighbour neighbor roommate flatmate teacher doctor therapist coach
    landlord stepmother stepfather stepson stepdaughter ex siblings sibling""".split()
)
ANIMALS = frozenset(
    """dog dogs cat cats puppy puppies kitten kittens horse horses parrot bird birds fish rabbit rabbits hamster
    hamsters turtle snake pet pets goat goats chicken chickens cow cows pony ferret""".split()
)
THINGS = frozenset("car house flat apartment job company bike boat band startup project thesis book".split())
PLURALS = frozenset(
    word
    for word in PEOPLE | ANIMALS
    if word in {"children", "twins", "fish"} or (word.endswith("s") and word != "boss")
)


def third_person(verb: str) -> str:
    """What a present verb becomes after he or she: go, goes."""
    special = {"be": "is", "am": "is", "are": "is", "have": "has", "do": "does"}
    if verb in special:
        return special[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def is_past(word: str) -> bool:
    """Whether `word` is read as a past form when nothing else says so."""
    if word in PRESENT_TWINS:
        return False
    return word in PAST or word in PAST_TWINS or (word.endswith("ed") and len(word) > 3 and word not in VERBS)


def is_verb(word: str) -> bool:
    """Whether `word` can be a form of a known verb that has a subject."""
    return word in AUXILIARIES or word in VERBS or word in PAST or (base_of(word) in VERBS and not word.endswith("ing"))


def is_participle(word: str) -> bool:
    return word in PARTICIPLES or (word.endswith("ed") and word not in VERBS)


def base_of(word: str) -> str:
    """The base of a form of a known verb, else `word` itself."""
    if word in VERBS or len(word) < 4:
        return PAST.get(word, word)
    known = PAST.get(word) or PARTICIPLES.get(word)
    if known:
        return known
    return next((base for base in _candidates(word) if base in VERBS), word)


def _candidates(word: str) -> list[str]:
    if word.endswith("ing"):
        stem = word[:-3]
        return [stem, stem + "e", stem[:-1], stem[:-1] + "ie"]
    if word.endswith(("ied", "ies")):
        return [word[:-3] + "y", word[:-1]]
    if word.endswith("ed"):
        return [word[:-2], word[:-1], word[:-3]]
    if word.endswith("es"):
        return [word[:-1], word[:-2]]
    return [word[:-1]] if word.endswith("s") else []


def stem(word: str) -> str:
    """A word's common part, so that its forms meet: allergies, allergic; lives, living, lived."""
    base = base_of(word)
    if base in VERBS:
        return base[:-1] if base.endswith("e") and len(base) > 4 else base
    for ending, rest in _ENDINGS:
        if base.endswith(ending) and len(base) - len(ending) >= 3:
            return base[: -len(ending)] + rest
    return base


_ENDINGS = (
    ("ations", ""),
    ("ation", ""),
    ("ments", ""),
    ("ment", ""),
    ("ingly", ""),
    ("iness", "y"),
    ("ness", ""),
    ("ically", ""),
    ("ical", ""),
    ("ies", "y"),
    ("sses", "ss"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("xes", "x"),
    ("ing", ""),
    ("ed", ""),
    ("ly", ""),
    ("ss", "ss"),
    ("us", "us"),
    ("is", "is"),
    ("s", ""),
    ("e", ""),
)

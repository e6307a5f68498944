"""What is said after an answer: thanks, an acknowledgement, a goodbye and nothing else, or that it did not help."""

import re

MAX_CHARACTERS = 200
_MAX_WORDS = 12
_WORD = re.compile(r"[^\W\d_]+")
_ASKS = re.compile(r"[?？¿\d@]|https?:|www\.", re.IGNORECASE)
_ASKS_BACK = re.compile(r"[?？]")
_GESTURES = re.compile("^[\\s👍🙏🙌👌👏💯🎉😊🙂😀❤♥\ufe0f\U0001f3fb-\U0001f3ff]+$")


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


# One of these must stand there, in English, German, Spanish, French, Portuguese, Italian or Dutch.
_CLOSING = _words(
    "thanks thank thx thankyou ty cheers appreciated appreciate bye goodbye resolved solved sorted fixed worked works"
    " understood noted ok okay perfect great awesome brilliant excellent"
    " danke dankeschön vielen tschüss erledigt verstanden prima super gracias perfecto entendido adiós vale"
    " merci parfait compris obrigado obrigada perfeito entendi grazie perfetto capito bedankt dank dankjewel begrepen"
)
# Beside them these may, and nothing else.
_BESIDE = _words(
    "a again all and bit day did everything exactly fast good got have helped helpful hi hello i im it its just kind"
    " kindly lot lots made much my nice now of one perfectly quick quickly really so such team that thats the there"
    " this to today trick very weekend well what yes you your"
    " die schnelle sehr gut das hat es funktioniert jetzt habe ist alles ihnen dir euch und ja herzlichen besten"
    " schönen tag noch ihre deine muchas mil la su tu rápida muy bien todo ya sí buen día"
    " beaucoup votre c est bon ça marche maintenant oui bonne journée tout rapide"
    " muito tudo certo agora sim bom dia a sua mille molto il l la va bene tutto ora sì buona giornata"
    " je wel hartelijk de het werkt nu goed ja fijne dag snelle"
)
# Thanks *for* help; without the small word it may be a cry for it.
_FOR = _words("for für por pour pela per della voor")
_GIVEN = _words(
    "answer answering help helping reply replying response support hilfe antwort ayuda respuesta aide réponse ajuda"
    " resposta aiuto risposta hulp antwoord reactie"
)

# Whoever writes one of these has not come to the end, however short the message is.
_GOES_ON = (
    _words(
        "but still not no never nothing however cannot cant wont doesnt didnt isnt wasnt dont nor unless except please"
        " need want wish how why when where who which can could would should cancel refund stop yet instead"
        " aber nicht nein nie bitte wie warum wann wo pero no nunca por cómo cuándo dónde mais ne pas non jamais"
        " comment pourquoi quand mas não nunca como quando ma non mai perché maar niet nee nooit hoe waarom wanneer"
    )
    - _FOR
)

_THANKS = "thanks|thank|thx|ty|cheers|danke|dank|gracias|merci|obrigado|obrigada|grazie|bedankt|dankjewel"
# Whoever asks, closes with thanks or says what helped in the end has not said that it failed.
_NO_FAILURE = re.compile(
    rf"\b(?:{_THANKS})(?: \w+){{0,2}}$"
    r"|\b(?:but|until) (?:(?!not |never |\w*n t )\w+ ){1,3}(?:helped|helps|works|worked|(?:fixed|solved) (?:it|that))\b"
)
_NOT = r"(?:(?:did|does|do|has|have|is|was|s)(?: not|nt|n t)|never)"
_WRONG = r"(?:wrong|incorrect|useless|unhelpful|not (?:correct|right|true|helpful|useful)|no (?:help|use))"

# That what was answered was of no use: "it" is the answer, and "still" looks back on it. What merely does not work may
# be a new matter.
_FAILED = re.compile(
    r"\b(?:"
    rf"(?:it|that|this)(?: still| just| really)? {_NOT}(?: \w+){{0,2}}"
    r" (?:work|help|solve|fix|working|helped|worked|helpful|solved|fixed|answer|changed? (?:anything|a thing|much))"
    r"|(?:is|it|s|that|this|am|are) still (?:not|the same|broken|failing|stuck)"
    r"|still (?:not working|does not|doesnt|doesn t|cannot|cant|can t|not possible|no luck|get the same|the same)"
    r"|no luck|(?:did not|didnt|didn t) help|not what i (?:asked|meant)"
    rf"|(?:your|the last|this|that) (?:answer|reply|response|advice|solution) (?:is|was|s)(?: \w+)? {_WRONG}"
    r"|i (?:have |ve )?(?:already )?(?:tried|did) (?:that|this|it|everything|all of (?:that|it))(?: and| but)? nothing"
    r"|(?:das|es) (?:hat|funktioniert|geht|hilft|klappt)(?: \w+){0,2} nicht|immer noch (?:nicht|kein|das gleiche)"
    r"|(?:eso |esto )?no (?:me )?(?:ha funcionado|funcionó|sirvió|ayuda|ayudó)|sigue sin"
    r"|(?:ça|cela) ne (?:marche|fonctionne|change|aide)(?: \w+)? (?:pas|rien)|(?:ça|cela) n a (?:pas|rien)|toujours pas"
    r"|isso não (?:funcionou|ajudou|funciona)|continua sem|ainda não (?:funciona|consigo)"
    r"|(?:questo )?non (?:ha funzionato|mi aiuta|ha aiutato)|ancora non funziona"
    r"|(?:dat|het) (?:werkt|helpt)(?: \w+){0,2} niet|nog steeds niet"
    r")\b"
)
# The same without a word for what failed, where nothing else is said: "no funciona mi impresora" is a new matter.
_FAILED_ALONE = re.compile(
    r"(?:(?:no|nope|nah|well|hm+|sorry|unfortunately|still|ok|hi|hello|nein|leider|immer|noch|nee|helaas|lo siento"
    r"|désolé|desculpe|purtroppo|ça|it|that|this|s|is|was|das|es|ist|eso|está|c est|isso|questo|è|dat|het) ?)*?"
    rf"(?:{_NOT} (?:work|help|working|helpful|solved|fixed)|not (?:working|solved|fixed)|{_WRONG}"
    r"|(?:funktioniert|geht|klappt|hilft|stimmt)(?: \w+){0,2} nicht|falsch|nutzlos"
    r"|no (?:funciona|funcionó|sirve|ayuda|es correcto)|incorrecto|inútil"
    r"|(?:ne )?(?:marche|fonctionne|aide)(?: toujours)? pas|faux|inutile"
    r"|não (?:funciona|funcionou|ajuda|ajudou)|errado|non (?:funziona|aiuta|è corretto)|sbagliato"
    r"|(?:werkt|helpt|klopt)(?: \w+){0,2} niet|nutteloos)"
    r"(?: (?:at all|for me|either|here|sorry|unfortunately|though|on my \w+|leider|bei mir|para mí|pour moi|para mim"
    r"|per me|bij mij))*"
)


def only_closes(text: str) -> bool:
    """Whether the words thank, acknowledge or say goodbye and say nothing else. A question or a figure is something."""
    if _GESTURES.match(text):
        return len(text) <= _MAX_WORDS
    words = _split(text)
    allowed = _CLOSING | _BESIDE | _FOR
    if not _FOR.isdisjoint(words):
        allowed |= _GIVEN
    return (
        may_end_quietly(text)
        and len(words) <= _MAX_WORDS
        and not _CLOSING.isdisjoint(words)
        and allowed.issuperset(words)
    )


def sounds_like_closing(text: str) -> bool:
    """Whether there is a word or a gesture of thanks, of having understood or of goodbye."""
    return _GESTURES.match(text) is not None or not _CLOSING.isdisjoint(_split(text))


def says_it_failed(text: str) -> bool:
    """Whether somebody who was answered says in a short message that the answer was of no use."""
    if len(text) > MAX_CHARACTERS or _ASKS_BACK.search(text):
        return False
    plain = " ".join(_WORD.findall(text.lower()))
    if _NO_FAILURE.search(plain):
        return False
    return _FAILED.search(plain) is not None or _FAILED_ALONE.fullmatch(plain) is not None


def may_end_quietly(text: str) -> bool:
    """Whether a model may find that a message wants no answer: it is short, asks, names and denies nothing."""
    return len(text) <= MAX_CHARACTERS and not _ASKS.search(text) and _GOES_ON.isdisjoint(_split(text))


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("'", "").replace("’", ""))

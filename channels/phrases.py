"""What the desk says around an answer, in the languages that we have written it in."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """One language. `{name}`, `{company}`, `{team}`, `{ref}` and `{languages}` are filled in by the writers."""

    mail_greeting: str
    mail_greeting_nobody: str
    mail_thanks: str
    mail_sources: str
    mail_more: str
    mail_handover: str
    mail_closing: str
    mail_reference: str
    web_greeting: str
    web_greeting_nobody: str
    web_more: str
    web_handover: str
    web_ticket: str
    chat_handover: str
    chat_handover_nobody: str
    not_spoken: str
    conjunction: str
    languages: tuple[str, ...]  # English, German, Spanish, French, Portuguese, Italian, Dutch


_CODES = ("en", "de", "es", "fr", "pt", "it", "nl")

_ENGLISH = Phrases(
    mail_greeting="Dear {name},",
    mail_greeting_nobody="Dear customer,",
    mail_thanks="Thank you for contacting {company}.",
    mail_sources="Sources:",
    mail_more="Should this not answer your question, please reply to this message and a colleague will help you.",
    mail_handover="Your request needs the attention of a colleague, and our {team} has received it. "
    "You will hear from us by reply to this message.",
    mail_closing="Kind regards,",
    mail_reference="Reference: {ref}",
    web_greeting="Hi {name},",
    web_greeting_nobody="Hi,",
    web_more="If this does not solve it, reply here and a person can take over.",
    web_handover="Thank you for writing. Your request needs a person, so our {team} has it now and will reply here.",
    web_ticket="Ticket {ref}",
    chat_handover="Hi {name}, thanks for your message. Our {team} has it and will reply here. 🙏",
    chat_handover_nobody="Thanks for your message. Our {team} has it and will reply here. 🙏",
    not_spoken="Our automatic help knows only {languages}.",
    conjunction="and",
    languages=("English", "German", "Spanish", "French", "Portuguese", "Italian", "Dutch"),
)
_PHRASES: dict[str, Phrases] = {
    "en": _ENGLISH,
    "de": Phrases(
        mail_greeting="Guten Tag {name},",
        mail_greeting_nobody="Guten Tag,",
        mail_thanks="vielen Dank für Ihre Nachricht an {company}.",
        mail_sources="Quellen:",
        mail_more="Falls Ihre Frage damit nicht beantwortet ist, antworten Sie bitte auf diese Nachricht; dann hilft "
        "Ihnen ein Mensch weiter.",
        mail_handover="Ihr Anliegen braucht einen Menschen und liegt jetzt bei unserem Team ({team}). "
        "Sie erhalten die Antwort auf diese Nachricht.",
        mail_closing="Mit freundlichen Grüßen",
        mail_reference="Vorgang: {ref}",
        web_greeting="Hallo {name},",
        web_greeting_nobody="Hallo,",
        web_more="Falls das nicht hilft, antworten Sie hier; dann kann ein Mensch übernehmen.",
        web_handover="danke für Ihre Nachricht. Ihr Anliegen braucht einen Menschen: Unser Team ({team}) hat es "
        "erhalten und antwortet hier.",
        web_ticket="Ticket {ref}",
        chat_handover="Hallo {name}, danke für Ihre Nachricht. Unser Team ({team}) hat sie und antwortet hier. 🙏",
        chat_handover_nobody="Danke für Ihre Nachricht. Unser Team ({team}) hat sie und antwortet hier. 🙏",
        not_spoken="Unsere automatische Hilfe kann nur {languages}.",
        conjunction="und",
        languages=("Englisch", "Deutsch", "Spanisch", "Französisch", "Portugiesisch", "Italienisch", "Niederländisch"),
    ),
    "es": Phrases(
        mail_greeting="Estimado/a {name}:",
        mail_greeting_nobody="Hola:",
        mail_thanks="Gracias por escribir a {company}.",
        mail_sources="Fuentes:",
        mail_more="Si esto no responde a su pregunta, conteste a este mensaje y una persona le ayudará.",
        mail_handover="Su consulta necesita a una persona y ya la tiene nuestro equipo ({team}). "
        "Recibirá la respuesta a este mensaje.",
        mail_closing="Un cordial saludo:",
        mail_reference="Referencia: {ref}",
        web_greeting="Hola, {name}:",
        web_greeting_nobody="Hola:",
        web_more="Si esto no lo resuelve, responda aquí y podrá atenderle una persona.",
        web_handover="Gracias por escribirnos. Su consulta necesita a una persona: la tiene nuestro equipo ({team}), "
        "que responderá aquí.",
        web_ticket="Ticket {ref}",
        chat_handover="Hola, {name}: gracias por su mensaje. Lo tiene nuestro equipo ({team}) y responderá aquí. 🙏",
        chat_handover_nobody="Gracias por su mensaje. Lo tiene nuestro equipo ({team}) y responderá aquí. 🙏",
        not_spoken="Nuestra ayuda automática solo sabe {languages}.",
        conjunction="y",
        languages=("inglés", "alemán", "español", "francés", "portugués", "italiano", "neerlandés"),
    ),
    "fr": Phrases(
        mail_greeting="Bonjour {name},",
        mail_greeting_nobody="Bonjour,",
        mail_thanks="Merci d’avoir contacté {company}.",
        mail_sources="Sources :",
        mail_more="Si cela ne répond pas à votre question, répondez à ce message et une personne vous aidera.",
        mail_handover="Votre demande doit être traitée par une personne ; notre équipe ({team}) l’a reçue. "
        "Vous recevrez la réponse à ce message.",
        mail_closing="Cordialement,",
        mail_reference="Référence : {ref}",
        web_greeting="Bonjour {name},",
        web_greeting_nobody="Bonjour,",
        web_more="Si cela ne suffit pas, répondez ici et une personne pourra prendre le relais.",
        web_handover="Merci de votre message. Votre demande doit être traitée par une personne : notre équipe ({team}) "
        "l’a reçue et répondra ici.",
        web_ticket="Ticket {ref}",
        chat_handover="Bonjour {name}, merci de votre message. Notre équipe ({team}) l’a reçu et répondra ici. 🙏",
        chat_handover_nobody="Merci de votre message. Notre équipe ({team}) l’a reçu et répondra ici. 🙏",
        not_spoken="Notre aide automatique ne connaît que : {languages}.",
        conjunction="et",
        languages=("anglais", "allemand", "espagnol", "français", "portugais", "italien", "néerlandais"),
    ),
    "pt": Phrases(
        mail_greeting="Caro/a {name},",
        mail_greeting_nobody="Olá,",
        mail_thanks="Obrigado por contactar {company}.",
        mail_sources="Fontes:",
        mail_more="Se isto não responder à sua pergunta, responda a esta mensagem e uma pessoa irá ajudar.",
        mail_handover="O seu pedido precisa de uma pessoa e já está com a nossa equipa ({team}). "
        "Receberá a resposta a esta mensagem.",
        mail_closing="Com os melhores cumprimentos,",
        mail_reference="Referência: {ref}",
        web_greeting="Olá {name},",
        web_greeting_nobody="Olá,",
        web_more="Se isto não resolver, responda aqui e uma pessoa poderá continuar.",
        web_handover="Obrigado pela sua mensagem. O seu pedido precisa de uma pessoa: está com a nossa equipa "
        "({team}), que responderá aqui.",
        web_ticket="Ticket {ref}",
        chat_handover="Olá {name}, obrigado pela mensagem. Está com a nossa equipa ({team}), que responderá aqui. 🙏",
        chat_handover_nobody="Obrigado pela mensagem. Está com a nossa equipa ({team}), que responderá aqui. 🙏",
        not_spoken="A nossa ajuda automática só sabe {languages}.",
        conjunction="e",
        languages=("inglês", "alemão", "espanhol", "francês", "português", "italiano", "neerlandês"),
    ),
    "it": Phrases(
        mail_greeting="Gentile {name},",
        mail_greeting_nobody="Buongiorno,",
        mail_thanks="grazie per aver contattato {company}.",
        mail_sources="Fonti:",
        mail_more="Se questo non risponde alla sua domanda, risponda a questo messaggio e una persona la aiuterà.",
        mail_handover="La sua richiesta ha bisogno di una persona ed è ora presso il nostro team ({team}). "
        "Riceverà la risposta a questo messaggio.",
        mail_closing="Cordiali saluti,",
        mail_reference="Riferimento: {ref}",
        web_greeting="Salve {name},",
        web_greeting_nobody="Salve,",
        web_more="Se questo non basta, risponda qui e potrà intervenire una persona.",
        web_handover="grazie per averci scritto. La sua richiesta ha bisogno di una persona: è ora presso il nostro "
        "team ({team}), che risponderà qui.",
        web_ticket="Ticket {ref}",
        chat_handover="Salve {name}, grazie del messaggio. È presso il nostro team ({team}), che risponderà qui. 🙏",
        chat_handover_nobody="Grazie del messaggio. È presso il nostro team ({team}), che risponderà qui. 🙏",
        not_spoken="Il nostro aiuto automatico conosce solo {languages}.",
        conjunction="e",
        languages=("inglese", "tedesco", "spagnolo", "francese", "portoghese", "italiano", "olandese"),
    ),
    "nl": Phrases(
        mail_greeting="Beste {name},",
        mail_greeting_nobody="Goedendag,",
        mail_thanks="Bedankt dat u contact opneemt met {company}.",
        mail_sources="Bronnen:",
        mail_more="Beantwoordt dit uw vraag niet, antwoord dan op dit bericht; dan helpt een medewerker u verder.",
        mail_handover="Uw vraag heeft een mens nodig en ligt nu bij ons team ({team}). "
        "U krijgt het antwoord op dit bericht.",
        mail_closing="Met vriendelijke groet,",
        mail_reference="Kenmerk: {ref}",
        web_greeting="Hallo {name},",
        web_greeting_nobody="Hallo,",
        web_more="Helpt dit niet, antwoord dan hier; dan kan een mens het overnemen.",
        web_handover="Bedankt voor uw bericht. Uw vraag heeft een mens nodig: ons team ({team}) heeft hem ontvangen "
        "en antwoordt hier.",
        web_ticket="Ticket {ref}",
        chat_handover="Hallo {name}, bedankt voor uw bericht. Ons team ({team}) heeft het en antwoordt hier. 🙏",
        chat_handover_nobody="Bedankt voor uw bericht. Ons team ({team}) heeft het en antwoordt hier. 🙏",
        not_spoken="Onze automatische hulp kent alleen {languages}.",
        conjunction="en",
        languages=("Engels", "Duits", "Spaans", "Frans", "Portugees", "Italiaans", "Nederlands"),
    ),
}
LANGUAGES: tuple[str, ...] = tuple(_PHRASES)


def find_phrases(language: str) -> Phrases:
    """The phrases of a language; English ones where we have written none."""
    return _PHRASES.get(language, _ENGLISH)


def admit_languages(language: str, known: Sequence[str]) -> str:
    """One sentence that says which languages the automatic help knows; empty where there is nothing to admit."""
    if not known:
        return ""
    phrases = find_phrases(language)
    names = dict(zip(_CODES, phrases.languages, strict=True))
    *others, last = [names.get(code, code) for code in known]
    listed = f"{', '.join(others)} {phrases.conjunction} {last}" if others else last
    return phrases.not_spoken.format(languages=listed)

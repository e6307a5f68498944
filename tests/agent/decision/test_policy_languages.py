"""Mandatory matters in other languages: sentences of our own that are in no pattern, and harmless ones."""

import csv

import pytest

from agent.decision.policy import LANGUAGES_FILE, PolicyGuard, load_guard, read_policy, read_translations
from agent.decision.policy import POLICY_FILE as POLICY
from tests.conftest import SHARED_DATA

MUST_FIRE: dict[str, dict[str, tuple[str, ...]]] = {
    "de": {
        "billing_dispute": (
            "Sie haben den Betrag zweimal von meiner Karte abgebucht!",
            "Mir wurde zu viel berechnet, ich möchte eine Erstattung.",
            "Ich will mein Geld zurück",
        ),
        "legal_threat": ("Mein Anwalt wird sich bei Ihnen melden.", "Dann sehen wir uns vor Gericht."),
        "security_incident": (
            "Mein Konto wurde gehackt",
            "Jemand hat sich in meinem Konto angemeldet, ich war das nicht",
        ),
        "account_deletion": (
            "Bitte löschen Sie mein Konto.",
            "Ich möchte, dass meine Daten gelöscht werden",
            "konto loeschen",
        ),
        "asks_for_person": ("Ich möchte mit einem Menschen sprechen", "Bitte um Rückruf"),
    },
    "es": {
        "billing_dispute": (
            "Me cobraron dos veces este mes",
            "Quiero que me devuelvan mi dinero",
            "hay un cargo que no reconozco",
        ),
        "legal_threat": ("Mi abogado se pondrá en contacto con ustedes", "Tomaré acciones legales"),
        "security_incident": (
            "Han hackeado mi cuenta",
            "Alguien entró en mi cuenta sin permiso",
            "me robaron la tarjeta",
        ),
        "account_deletion": ("Quiero eliminar mi cuenta", "Borren todos mis datos, por favor"),
        "asks_for_person": ("Quiero hablar con una persona", "¿puedo hablar con un agente humano?"),
    },
    "fr": {
        "billing_dispute": ("J'ai été débité deux fois", "Je veux être remboursé", "Je conteste ce prélèvement"),
        "legal_threat": ("Mon avocat va vous contacter.", "Je vais porter plainte"),
        "security_incident": ("Mon compte a été piraté", "On m'a volé ma carte", "Quelqu'un utilise mon compte"),
        "account_deletion": ("Supprimez mon compte s'il vous plaît", "Je demande l'effacement de mes données"),
        "asks_for_person": ("Je voudrais parler à une personne", "je veux parler à un conseiller"),
    },
    "pt": {
        "billing_dispute": (
            "Fui cobrado duas vezes",
            "Quero o meu dinheiro de volta",
            "não reconheço... esta cobrança: cobrança indevida",
        ),
        "legal_threat": ("O meu advogado vai contactar-vos", "Vou ao Procon"),
        "security_incident": ("A minha conta foi invadida", "Roubaram o meu telemóvel", "alguém acedeu à minha conta"),
        "account_deletion": ("Quero apagar a minha conta", "Excluam todos os meus dados"),
        "asks_for_person": ("Quero falar com uma pessoa", "preciso falar com um atendente"),
    },
    "it": {
        "billing_dispute": ("Mi avete addebitato due volte", "Voglio il rimborso", "c'è un addebito che non riconosco"),
        "legal_threat": ("Il mio avvocato vi contatterà", "Passerò alle vie legali"),
        "security_incident": (
            "Il mio account è stato hackerato",
            "Qualcuno è entrato nel mio account",
            "mi hanno rubato la carta",
        ),
        "account_deletion": ("Voglio cancellare il mio account", "Eliminate tutti i miei dati"),
        "asks_for_person": ("Vorrei parlare con una persona", "posso parlare con un operatore?"),
    },
    "nl": {
        "billing_dispute": ("Er is twee keer afgeschreven", "Ik wil mijn geld terug", "Deze afschrijving klopt niet"),
        "legal_threat": ("Mijn advocaat neemt contact op", "Ik stap naar de rechter"),
        "security_incident": (
            "Mijn account is gehackt",
            "Iemand heeft toegang tot mijn account",
            "mijn telefoon is gestolen",
        ),
        "account_deletion": ("Verwijder mijn account", "Ik wil dat jullie mijn gegevens verwijderen"),
        "asks_for_person": ("Ik wil met een medewerker praten", "kan ik een echt mens spreken?"),
    },
}
HARMLESS = (
    "Wie ändere ich mein Passwort?",
    "Wo finde ich meine Rechnung?",
    "Wie lösche ich eine Aufgabe?",
    "Welche Zahlungsarten gibt es?",
    "¿Cómo cambio mi contraseña?",
    "¿Dónde descargo la factura?",
    "¿Cuánto cuesta el plan Pro?",
    "Comment changer mon mot de passe ?",
    "Où puis-je télécharger ma facture ?",
    "Quels moyens de paiement acceptez-vous ?",
    "Como altero a minha senha?",
    "Onde encontro a fatura?",
    "Quanto custa o plano Pro?",
    "Come cambio la password?",
    "Dove scarico la fattura?",
    "Quanto costa il piano Pro?",
    "Hoe wijzig ik mijn wachtwoord?",
    "Waar vind ik mijn factuur?",
    "Wat kost het Pro-abonnement?",
)


@pytest.fixture(scope="module")
def guard() -> PolicyGuard:
    """By words alone: the seeds' embeddings know only English."""
    return load_guard(None)


@pytest.mark.parametrize(
    ("language", "rule", "text"),
    [
        pytest.param(language, rule, text, id=f"{language}-{rule}-{number}")
        for language, rules in MUST_FIRE.items()
        for rule, texts in rules.items()
        for number, text in enumerate(texts)
    ],
)
def test_a_mandatory_matter_is_known_in_other_languages(
    guard: PolicyGuard, language: str, rule: str, text: str
) -> None:
    assert rule in {match.rule for match in guard.check(text, None)}
    assert rule in {match.rule for match in guard.check(text.upper(), None)}


@pytest.mark.parametrize("text", HARMLESS)
def test_a_plain_question_is_left_alone(guard: PolicyGuard, text: str) -> None:
    assert [match.rule for match in guard.check(text, None) if match.level == "always"] == []


def test_every_language_has_patterns_for_every_mandatory_rule() -> None:
    mandatory = {rule.id for rule in read_policy(POLICY).rules if rule.level == "always"}
    assert read_translations(LANGUAGES_FILE).keys() == mandatory
    assert all(rules.keys() == mandatory for rules in MUST_FIRE.values())


def test_foreign_patterns_hardly_ever_fire_on_english() -> None:
    path = SHARED_DATA / "banking77" / "train.csv"
    if not path.exists():
        pytest.skip("the public data is not beside the checkout")
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][::20]
    foreign = PolicyGuard(
        [rule.model_copy(update={"patterns": (), "mentions": ()}) for rule in read_policy(POLICY).rules],
        None,
        translations=read_translations(LANGUAGES_FILE),
    )
    fired = [text for text in texts if foreign.check(text, None)]
    assert len(fired) <= 0.01 * len(texts), fired[:5]

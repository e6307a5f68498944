"""What the customers of the benchmark write about the sample product: most is in its manual, some needs a person."""

import re
from dataclasses import dataclass

from database.types import TicketCategory

_SENTENCE_END = re.compile(r"(?=[.?!](?:\s|$))")


@dataclass(frozen=True, slots=True)
class Question:
    """A filled-in support form without its sender."""

    category: TicketCategory
    subject: str
    message: str


QUESTIONS = (
    Question("account", "Password", "How do I reset my password? I no longer remember it."),
    Question("account", "Change email", "How can I change the email address of my profile?"),
    Question("account", "Invite people", "Where do I invite a new teammate to our workspace?"),
    Question("account", "Newsletter", "Please tell me how to unsubscribe from the newsletter."),
    Question("account", "Ownership", "How do I transfer the Owner role of a workspace to a colleague?"),
    Question("account", "Two workspaces", "How do I switch between two workspaces in the app?"),
    Question("account", "Confirmation email", "I signed up but the confirmation email is missing. What can I do?"),
    Question("account", "New phone", "How do I set up two-step verification with an authenticator app?"),
    Question("account", "Locked out", "My sign-in is locked after wrong passwords. How long does the lockout last?"),
    Question("account", "Single sign-on", "Does Harborline support SAML single sign-on, and on which plan?"),
    Question("billing", "Invoices", "Where can I download our invoices as PDF files?"),
    Question("billing", "Price", "How much does the Pro plan cost per member and month?"),
    Question("billing", "Upgrade", "What happens to the price when we upgrade in the middle of a month?"),
    Question("billing", "Non-profit", "Is there a discount for registered non-profits?"),
    Question("billing", "New card", "How do I update the credit card we pay with?"),
    Question("billing", "VAT", "How can I add our VAT number to the invoices?"),
    Question("billing", "Payment failed", "A payment has failed. When will you try again?"),
    Question("general", "Import", "How can I import tasks from a CSV file?"),
    Question("general", "Export", "How do I export a whole workspace as JSON?"),
    Question("technical", "Webhooks", "How do I check the signature of a webhook?"),
    Question("technical", "Rate limit", "Our script gets 429 answers. What are the API rate limits on each plan?"),
    Question("technical", "Calendar", "How can I see due dates in my own calendar?"),
    Question("technical", "Rules", "My automation rule does not run any more. Where do I see how many runs are left?"),
    Question("technical", "Chat", "How do we connect our team chat to a board?"),
    Question("technical", "Push", "Push notifications do not arrive on my phone. I have allowed them already."),
    Question("technical", "Sync", "My phone shows old tasks. How do I get sync working again?"),
    Question("technical", "Offline", "Which parts of the app work offline?"),
    Question("technical", "Error HL-1042", "What does error HL-1042 mean and how do I fix it?"),
    Question("technical", "Slow app", "Pages load slowly since this morning. Which browsers are supported?"),
    Question("technical", "Status", "Is there a page with planned maintenance and past outages?"),
    Question("general", "Trash", "How long can I restore a deleted file from the trash?"),
    Question("general", "File size", "What is the largest file I can upload on the Free plan?"),
    Question("general", "Shortcuts", "Is there a list of all keyboard shortcuts?"),
    Question("general", "Search", "How do I search for an exact phrase in all docs?"),
    Question("orders", "Tracking", "Where do I find the tracking link of my Hub order?"),
    Question("orders", "Wrong address", "I need to change the delivery address of an order. Is that possible?"),
    Question("orders", "Return", "How do I return a Hub that I do not need? It is still in its box."),
    Question("orders", "Warranty", "The screen of my Hub stays dark. What does the warranty cover?"),
    Question("general", "Where is our data", "In which country is our data stored, and is it encrypted?"),
    Question("general", "Assist", "Are our docs used to train AI models?"),
    # These need a person.
    Question("billing", "Charged twice", "You have charged my card twice this month. I want the second charge back."),
    Question("security", "Strange sign-in", "Somebody else has signed in to my account. I do not know that device!"),
    Question("account", "Delete me", "Please delete my account and everything in it."),
    Question("general", "My lawyer", "My lawyer will contact you. This is the last warning before we sue."),
    Question("general", "A person please", "I want to talk to a real person and not to a machine."),
    Question("feedback", "Furious", "This is the worst service ever. Nobody answers, and the data of a year is lost!"),
    Question("general", "Office dog", "Would your founder judge the pumpkin contest of our village in October?"),
    Question("technical", "Odd numbers", "The totals in the burn-down of our second board look off by three."),
)


def fill_form(number: int) -> dict[str, str]:
    """The form of customer message `number`. Each of its sentences is new to the worker, which remembers embeddings."""
    question = QUESTIONS[number % len(QUESTIONS)]
    return {
        "name": "Robin Winter",
        "email": f"customer{number}@customers.example",
        "subject": f"{question.subject} ({number})",
        "category": question.category,
        "priority": "medium",
        "message": _SENTENCE_END.sub(f" ({number})", question.message),
    }

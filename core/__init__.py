"""The ground floor: settings, logging, time and ids. Imports nothing of ours."""

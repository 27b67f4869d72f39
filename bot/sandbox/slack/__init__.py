"""A Slack workspace that exists only here: Web API, signed payloads, people who click."""

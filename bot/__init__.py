"""Workbench Access: decides, remembers and acts; everything that would survive a move from Slack to another chat."""

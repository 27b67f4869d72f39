"""The sandbox in a browser: a workspace and an organisation to look at, with the real bot in a process of its own.

`main` opens it, `server` has the routes, `stage` holds what is shown. The files that the browser gets are in
`static/`; what both sides agreed on is written down at the head of each module with routes.
"""

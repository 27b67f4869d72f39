"""The AWS panel's routes.

GET  /api/aws                          the whole state
GET  /api/policy?set=                  one inline policy, as it stands
GET  /api/switches                     what is broken at present
POST /api/switch {name, value, …}      break or mend something
POST /api/assume {as, set, account, role}  sts:AssumeRole with this person's own session
"""

import asyncio

import boto3
from aiohttp import web
from botocore.config import Config
from botocore.exceptions import ClientError

from bot.sandbox.page.page import Page
from bot.sandbox.page.wire import Body, NoSuch


class AwsApi:
    def __init__(self, page: Page) -> None:
        self._page = page

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/aws", self.aws),
            web.get("/api/policy", self.policy),
            web.get("/api/switches", self.switches),
            web.post("/api/switch", self.switch),
            web.post("/api/assume", self.assume),
        ]

    async def aws(self, _: web.Request) -> web.Response:
        return web.json_response({"seq": self._page.hub.seq, **self._page.stage.panel.state()})

    async def policy(self, request: web.Request) -> web.Response:
        name = Body.of_query(request).text("set")
        try:
            text = self._page.stage.aws.org.inline_policy(name)
        except KeyError:
            raise NoSuch(f"There is no permission set {name}.") from None
        return web.json_response({"set": name, "policy": text})

    async def switches(self, _: web.Request) -> web.Response:
        return web.json_response(self._page.stage.switches.state())

    async def switch(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        switches = self._page.stage.switches
        switches.flip(body)
        return web.json_response({"ok": True, "switches": switches.state()})

    async def assume(self, request: web.Request) -> web.Response:
        """What the Workbench guide tells a person to run, as the AWS CLI would, with the person's own session."""
        body = await Body.of(request)
        me = self._page.person(body)
        aws = self._page.stage.aws
        arn = aws.org.role_arn(body.text("account"), body.text("role"))
        try:
            session = aws.org.sign_in(me.email or me.id, body.text("set"), body.text("account"))
        except KeyError:
            return _said(False, f"{me.real_name} is not known in Identity Center, or there is no such set.")
        except PermissionError as refusal:
            return _said(False, f"The access portal does not offer it: {refusal}.")

        def call() -> tuple[bool, str]:
            client = boto3.client(
                "sts",
                region_name=aws.org.region,
                endpoint_url=aws.endpoint_url,
                config=Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 0}, proxies={}),
                **session,
            )
            try:
                answer = client.assume_role(RoleArn=arn, RoleSessionName="TestSession")
            except ClientError as error:
                return False, str(error)
            finally:
                client.close()
            return True, f"AWS let {me.real_name} in as {answer['AssumedRoleUser']['Arn']}."

        return _said(*await asyncio.to_thread(call))


def _said(ok: bool, sentence: str) -> web.Response:
    return web.json_response({"ok": ok, "sentence": sentence})

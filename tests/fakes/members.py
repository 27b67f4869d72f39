"""Member accounts as a test says they are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.domain.errors import AccessError, Code
from bot.domain.member_view import Decision, MemberView, Question, RoleSeen, SsoRole, Trouble
from bot.domain.names import AccountId, RoleArn, RoleName
from bot.domain.three_valued import Answer

SUFFIX = "0123456789abcdef"


def trust_of(account: AccountId, *permission_sets: str) -> str:
    """The trust policy that Workbench deploys; without names the whole account is trusted."""
    base = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/"
    patterns = [
        f'"{base}{region}AWSReservedSSO_{name}_*"' for name in permission_sets for region in ("", "*/")
    ]
    condition = (
        f',"Condition":{{"ArnLike":{{"aws:PrincipalArn":[{",".join(patterns)}]}}}}' if patterns else ""
    )
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        f'"Principal":{{"AWS":"arn:aws:iam::{account}:root"}}{condition}}}]}}'
    )


@dataclass
class FakeMembers:
    """Implements `ports.member_account.MemberAccounts`. Every role exists, trusts the set and is allowed."""

    missing: set[RoleName] = field(default_factory=set)
    trusted: tuple[str, ...] = ()
    """The sets that the roles name; empty: the one that is asked about."""
    decision: Decision = field(default_factory=lambda: Decision(allowed=True))
    held: str | dict[AccountId, str] | None = None
    """What IAM holds, in all accounts or by account: as `FakeIdentityCenter.held` of a set."""
    has_sso_role: bool = True
    closed: dict[AccountId, AccessError] = field(default_factory=dict)
    silent: set[AccountId] = field(default_factory=set)
    questions: list[Question] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """Runs once, during the next look: what others do while we wait for the account."""

    async def look(
        self, question: Question, *, within: float = 8.0, max_age: timedelta = timedelta(0)
    ) -> MemberView:
        self.questions.append(question)
        self.waits.append(within)
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        if question.account in self.closed:
            return MemberView.closed(question, Trouble.of(self.closed[question.account]))
        if question.account in self.silent:
            return MemberView.closed(question, Trouble(code=Code.AWS_UNAVAILABLE, detail="no answer in time"))
        names = self.trusted or (question.permission_set,)
        seen = RoleSeen(exists=Answer.YES, trust=trust_of(question.account, *names))
        gone = RoleSeen(exists=Answer.NO)
        view = MemberView(
            account=question.account,
            roles={role: gone if role in self.missing else seen for role in question.roles},
        )
        if not self.has_sso_role:
            return view
        name = f"AWSReservedSSO_{question.permission_set}_{SUFFIX}"
        path = "aws-reserved/sso.amazonaws.com/eu-central-1"
        return replace(
            view,
            sso_role=SsoRole(
                name=RoleName(name),
                arn=RoleArn(f"arn:aws:iam::{question.account}:role/{path}/{name}"),
                id="AROA0000000000000000A",
            ),
            decisions=dict.fromkeys(question.roles, self.decision),
            held=self.held.get(question.account) if isinstance(self.held, dict) else self.held,
        )

    async def enter(self, account: AccountId) -> None:
        if account in self.closed:
            raise self.closed[account]

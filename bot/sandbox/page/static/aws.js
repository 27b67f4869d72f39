/** @file The AWS organisation beside the workspace: who can do what, the shared policies, the accounts. */

import { post } from "./api.js";
import { dateShown } from "./dates.js";
import { drawDiff } from "./diff.js";
import { button, el, keyed } from "./dom.js";
import { told } from "./session.js";
import { on, state } from "./store.js";

const shortRole = (role) => role.replace(/^Workbench-/, "").replace(/Role$/, "");
const accountName = (id) => state.aws.accounts.find((account) => account.id === id)?.name ?? id;
/** The workspace's name for somebody whom AWS knows by e-mail. */
function personOf(cell) {
  const login = cell.person.split("@")[0];
  return state.people.find((one) => one.name === login) ?? { id: state.me, real_name: cell.name };
}

const STATES = {
  latest: ["✓", "good", "latest"],
  out_of_date: ["△", "poor", "out of date"],
  provisioning: ["…", "busy", "provisioning"],
  failed: ["✕", "bad", "failed"],
  not_provisioned: ["–", "plain", "not provisioned"],
};

/** An icon and a word, never colour alone. */
const mark = (symbol, kind, words) => el("span", { class: `mark ${kind}` }, el("span", { "aria-hidden": "true" }, symbol), ` ${words}`);

/** The red and green table of one permission set, and below it why, for the cell that was pressed. */
function matrix(set, cells) {
  const people = [...new Map(cells.map((cell) => [cell.person, personOf(cell)])).entries()];
  const rows = [...new Map(cells.map((cell) => [`${cell.account}/${cell.role}`, cell])).values()];
  const why = el("div", { class: "why", role: "status" });
  const explain = (cell) => {
    const tried = el("p", { class: "tried" });
    why.replaceChildren(
      el("p", {}, el("b", {}, `${personOf(cell).real_name}, ${cell.role} in ${accountName(cell.account)}: `), cell.why),
      button({
        class: "button small",
        onclick: async () => {
          const answer = await told(post("/api/assume", { as: personOf(cell).id, set: cell.set, account: cell.account, role: cell.role }));
          if (answer) tried.replaceChildren(mark(answer.ok ? "✓" : "✕", answer.ok ? "good" : "bad", answer.sentence));
        },
      }, "Try aws sts assume-role"), tried);
  };
  const drawCell = (row, [person]) => {
    const cell = cells.find((one) => one.person === person && one.account === row.account && one.role === row.role);
    if (!cell) return el("td", {}, el("span", { class: "none" }, "–", el("span", { class: "unseen" }, "not assigned")));
    return el("td", {}, button({
      class: `cell ${cell.can ? "good" : "bad"}`, title: cell.why,
      data: { can: String(cell.can), focus: `${person}/${row.account}/${row.role}` },
      onclick: () => explain(cell),
    }, el("span", { class: "unseen" }, `${personOf(cell).real_name}, ${cell.role} in ${accountName(cell.account)}: `),
    el("span", { "aria-hidden": "true" }, cell.can ? "✓ " : "✕ "), cell.can ? "can" : "no"));
  };
  let last = "";
  return el("div", { class: "matrix", data: { set } },
    el("h4", {}, set),
    el("table", {},
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Role"), people.map(([, one]) => el("th", { scope: "col" }, one.real_name.split(" ")[0])))),
      el("tbody", {}, rows.map((row) => {
        const heading = row.account !== last && el("tr", { class: "account" },
          el("th", { scope: "rowgroup", colspan: people.length + 1 }, accountName(row.account), " ", el("code", {}, row.account)));
        last = row.account;
        return [heading, el("tr", {}, el("th", { scope: "row", title: row.role }, shortRole(row.role)), people.map((one) => drawCell(row, one)))];
      }))), why);
}

/** Who changed the policy last, and when. */
function lastChange(one) {
  if (!one.changed_at) return "not changed yet";
  const who = { bot: "the bot", console: "somebody in the console" }[one.changed_by] ?? "somebody";
  return `changed ${dateShown(one.changed_at, "{date_short_pretty} at {time_secs}")} by ${who}`;
}

/** "data-science (alice, chris)" */
function holderOf(assignment) {
  const people = assignment.people.map((person) => person.split("@")[0]).join(", ");
  return assignment.kind === "GROUP" ? `${assignment.principal} (${people})` : assignment.principal;
}

function set(one) {
  const share = Math.round((one.bytes * 100) / one.limit);
  const tags = Object.entries(one.tags ?? {}).map(([key, value]) => `${key}=${value}`);
  return el("div", { class: "card", data: { set: one.name, testid: "permission-set" } },
    el("h4", {}, one.name, tags.map((tag) => el("code", { class: "tag" }, tag))),
    el("p", { class: "small" },
      `Inline policy: ${one.bytes.toLocaleString("en")} of ${one.limit.toLocaleString("en")} bytes (${share} %), ${lastChange(one)}`),
    one.policy_text ? drawDiff(one.previous_text, one.policy_text, `Inline policy of ${one.name}`) : el("p", { class: "note" }, "No inline policy."),
    el("ul", { class: "rows" }, one.accounts.map((account) => {
      const [symbol, kind, words] = STATES[account.state] ?? ["?", "plain", account.state];
      return el("li", {}, el("span", {}, accountName(account.id)), mark(symbol, kind, words));
    })),
    one.assignments?.length > 0 && el("p", { class: "small" }, `Assigned to ${[...new Set(one.assignments.map(holderOf))].join(", ")}`));
}

function trustOf(role) {
  if (!role.exists) return mark("✕", "bad", "not deployed");
  return mark("✓", "good", role.trusts?.length ? `trusts ${role.trusts.join(", ")}` : "trusts no set");
}

function account(one) {
  const isActive = one.status === "ACTIVE";
  return el("details", { class: "card", data: { account: one.id } },
    el("summary", {}, el("b", {}, one.name), " ", el("code", {}, one.id), mark(isActive ? "✓" : "✕", isActive ? "good" : "bad", String(one.status).toLowerCase())),
    el("ul", { class: "rows" }, one.roles.map((role) => el("li", {}, el("span", { title: role.arn }, role.name), trustOf(role)))),
    one.member_role !== undefined && el("p", { class: "small" }, one.member_role
      ? "The bot has its read-only role here."
      : "The bot has no read-only role here, so it cannot see roles and trust."),
    one.roles.filter((role) => role.exists && role.trust).map((role) => el("details", {},
      el("summary", {}, `Trust of ${role.name}`), el("pre", { tabindex: "0" }, JSON.stringify(role.trust, null, 2)))));
}

const provisioning = (one) => el("li", {}, el("span", {}, `${one.set} → ${one.account === "ALL" ? "all accounts" : accountName(one.account)}`),
  mark(...({ SUCCEEDED: ["✓", "good"], FAILED: ["✕", "bad"] }[one.status] ?? ["…", "busy"]), one.status.toLowerCase().replaceAll("_", " ")),
  one.failure && el("small", {}, one.failure));

/** @param {HTMLElement} root */
export function mountAws(root) {
  const matrices = el("div", { data: { testid: "matrix" } });
  const sets = el("div", {});
  const accounts = el("div", {});
  const runs = el("ul", { class: "rows" });
  const runsTitle = el("h3", {}, "Provisioning");
  root.append(
    el("h3", {}, "Who can assume what, right now"),
    el("p", { class: "small" }, "From the simulator’s own evaluation of policies and trust. Press a cell to read why."),
    matrices, el("h3", {}, "Permission sets"), sets, runsTitle, runs, el("h3", {}, "Accounts"), accounts);
  on("aws", () => {
    if (!state.aws) return;
    const { aws } = state;
    const names = [...new Set(aws.matrix.map((cell) => cell.set))];
    const tables = names.map((name) => ({ name, cells: aws.matrix.filter((cell) => cell.set === name) }));
    keyed(matrices, tables, (one) => one.name, (one) => matrix(one.name, one.cells));
    keyed(sets, aws.sets, (one) => one.name, set);
    const latest = [...(aws.provisionings ?? [])].sort((a, b) => b.started - a.started).slice(0, 5);
    keyed(runs, latest, (one) => one.id, provisioning);
    runsTitle.hidden = latest.length === 0;
    keyed(accounts, aws.accounts, (one) => one.id, account);
    for (const node of accounts.children) if (open.has(node.dataset.account)) node.open = true;
  });
  const open = new Set();
  accounts.addEventListener("toggle", (event) => {
    const { account: id } = event.target.dataset;
    if (id && event.target.isConnected) open[event.target.open ? "add" : "delete"](id);
  }, true);
}

// Puts the cases before an independent evaluator of IAM policies and keeps its answers. Run by hand, never in
// CI; the evaluator (AGPL-3) is no dependency of this project and nothing of it is kept here but its answers.
//
//   cd /tmp && npm install @cloud-copilot/iam-simulate@0.1.173
//   python tests/vectors/make_trust_cases.py > /tmp/cases.json
//   cp tests/vectors/make_trust_vectors.mjs /tmp && node /tmp/make_trust_vectors.mjs /tmp/cases.json > tests/vectors/trust.json
//
// Each case is judged three times: with an identity policy that allows everything ("trust"), with none
// ("bare"), and with the case's own policies and boundary ("whole"). Each time with two requests: one that
// lacks every condition key the product does not know, and one that has them. 1: allowed, 0: denied, -: the
// evaluator finds the policies invalid.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const USER = 'alice@example.com'
const ORGANISATION = 'o-example1234'
const ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const FURTHER = {
  'aws:SourceIp': '10.0.0.1',
  'aws:MultiFactorAuthPresent': 'true',
  'aws:PrincipalTag/team': 'data',
  'aws:PrincipalTag/role': 'data',
  'sts:ExternalId': '42',
  'sts:RoleSessionName': 'alice',
  'sts:DurationSeconds': '900',
  'aws:PrincipalOrgPaths': [`${ORGANISATION}/r-abcd/ou-abcd-12345678/`],
  'aws:TagKeys': ['team'],
}

const ignored = new Set()

async function judge(one, identity, boundary, further) {
  const { session } = one
  const name = session.role.split('/').at(-1)
  const principal = `arn:${session.partition}:sts::${session.account}:assumed-role/${name}/${USER}`
  const answer = await runSimulation(
    {
      request: {
        principal,
        action: 'sts:AssumeRole',
        resource: { resource: one.role, accountId: one.role.split(':')[4] },
        contextVariables: {
          'aws:PrincipalArn': session.role,
          'aws:PrincipalAccount': session.account,
          'aws:PrincipalOrgID': ORGANISATION,
          'aws:PrincipalType': 'AssumedRole',
          'aws:ResourceAccount': one.role.split(':')[4],
          'aws:CurrentTime': '2026-11-28T09:00:00Z',
          ...further,
        },
      },
      identityPolicies: identity.map((policy, at) => ({ name: `policy${at}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: one.trust,
      ...(boundary ? { permissionBoundaryPolicies: [{ name: 'boundary', policy: boundary }] } : {}),
    },
    { simulationMode: 'Strict' },
  )
  if (answer.resultType === 'error') {
    if (process.env.VERBOSE) console.error(JSON.stringify(answer.errors).slice(0, 400))
    return '-'
  }
  for (const key of answer.result?.ignoredContextKeys ?? []) ignored.add(key)
  return answer.overallResult === 'Allowed' ? '1' : '0'
}

// Policies hold no numbers, so a number can stand for a text that occurs again and again; as a key, in quotes.
const texts = new Map()
function number(text) {
  if (!texts.has(text)) texts.set(text, texts.size)
  return texts.get(text)
}
function short(value) {
  if (typeof value === 'string' && value.length > 5) return number(value)
  if (Array.isArray(value)) return value.map(short)
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [number(key), short(inner)]))
  }
  return value
}

const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const lines = []
for (const one of cases) {
  const asked = { trust: [[ALL], null], bare: [[], null], whole: [one.identity, one.boundary ?? null] }
  const oracle = {}
  for (const [question, [identity, boundary]] of Object.entries(asked)) {
    oracle[question] = (await judge(one, identity, boundary, {})) + (await judge(one, identity, boundary, FURTHER))
  }
  lines.push(JSON.stringify(short({ ...one, oracle })))
}
console.error('keys that the evaluator ignored:', [...ignored].join(' '))
console.log(`{"texts":${JSON.stringify([...texts.keys()])},\n"cases":[\n${lines.join(',\n')}\n]}`)

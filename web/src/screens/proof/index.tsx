import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Answer, type Problem, request } from "../../api/client";
import { usePersonName } from "../../lib/names";
import { absolute, length, useZone } from "../../lib/time";
import { t } from "../../text";
import { Block, Group, Icon, Mark, Read, Screen, SegmentedControl, Stack, Table, Text, TextLink, When } from "../../ui";
import { Picture } from "./picture";

type Proof = Answer<"POST /prove">;
export type Finding = Proof["findings"][number];

const WITHIN = ["5m", "15m", "30m", "1h"];
const DAYS = ["30", "90", "365"];
/** Holes in the table; the picture has them all. */
const SHOWN = 100;

/** `firedog prove` as a picture: where, and by which single failure, nobody would be reached in time. */
export default function ProofScreen() {
  const [days, setDays] = useState("90");
  const [within, setWithin] = useState("30m");
  const body = { days: Number(days), within };
  const proof = useQuery<Proof, Problem>({ queryKey: ["POST /prove", body], queryFn: () => request("POST /prove", { body }) });
  return (
    <Screen
      title={t.proof.title}
      hint={t.proof.hint}
      actions={
        <Group>
          <Choice label={t.proof.days} of={DAYS} value={days} set={setDays} />
          <Choice label={t.proof.within} of={WITHIN} value={within} set={setWithin} />
        </Group>
      }
    >
      <Read of={proof}>
        {(answer) => (
          <Stack>
            <Verdict proof={answer} within={within} />
            {answer.lacking.length > 0 && <Lacking of={answer.lacking} />}
            {answer.findings.length > 0 && (
              <>
                <Block title={t.proof.picture}>
                  <Picture proof={answer} />
                </Block>
                <Holes findings={answer.findings} />
              </>
            )}
          </Stack>
        )}
      </Read>
    </Screen>
  );
}

function Choice(props: { label: string; of: string[]; value: string; set: (value: string) => void }) {
  return (
    <Group gap="xs">
      <Text size="sm">{props.label}</Text>
      <SegmentedControl aria-label={props.label} data={props.of} value={props.value} onChange={props.set} size="sm" />
    </Group>
  );
}

function Verdict({ proof, within }: { proof: Proof; within: string }) {
  const zone = useZone();
  const policies = new Set(proof.findings.map((finding) => finding.policy)).size;
  const tone = proof.ok ? "ok" : "danger";
  return (
    <Group
      p="md"
      wrap="nowrap"
      role="status"
      style={{ background: `var(--fd-${tone}-soft)`, color: `var(--fd-${tone}-text)`, borderRadius: "var(--mantine-radius-md)" }}
    >
      <Icon name={proof.ok ? "shield" : "warn"} size={28} />
      <div>
        <Text fw={700} size="lg">
          {proof.ok ? t.proof.good(within, absolute(new Date(proof.to), zone)) : t.proof.bad(proof.findings.length, policies)}
        </Text>
        {!proof.ok && <Text size="sm">{t.proof.badHint}</Text>}
      </div>
    </Group>
  );
}

/** Whom nobody knows to wake: a proof about calendars says nothing about telephones. */
function Lacking({ of }: { of: Proof["lacking"] }) {
  const person = usePersonName();
  return (
    <Block title={t.proof.lacking(of.length)}>
      <Stack gap={6}>
        <Text size="sm" c="dimmed">
          {t.proof.lackingHint}
        </Text>
        {of.slice(0, SHOWN).map((one) => (
          <Text key={one.user} size="sm">
            <b>{person(one.user)}</b>: {one.why}
          </Text>
        ))}
        <TextLink to="/people">{t.proof.people}</TextLink>
      </Stack>
    </Block>
  );
}

/** The failure in words. */
export function useFailure(): (failure: Finding["failure"]) => string {
  const person = usePersonName();
  return ({ kind, id }) => {
    if (kind === "person") return t.proof.failure.person(person(id));
    return kind === "channel" ? t.proof.failure.channel(t.channels[id ?? ""] ?? id ?? "") : t.proof.failure.none();
  };
}

function Holes({ findings }: { findings: Finding[] }) {
  const failure = useFailure();
  const columns = t.proof.columns;
  return (
    <Block title={t.proof.holes} padded={false}>
      <Table.ScrollContainer minWidth={720} px="md" pb="md">
        <Table verticalSpacing="sm">
          <Table.Thead>
            <Table.Tr>
              {Object.values(columns).map((text) => (
                <Table.Th key={text}>{text}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {findings.slice(0, SHOWN).map((finding) => (
              <Table.Tr key={`${finding.policy}${finding.urgency}${finding.from}${finding.failure.kind}${finding.failure.id}`}>
                <Table.Td>
                  <When at={finding.from} /> – <When at={finding.until} />
                </Table.Td>
                <Table.Td>{failure(finding.failure)}</Table.Td>
                <Table.Td>
                  <TextLink to={`/policies/${finding.policy}`}>{finding.policy}</TextLink>{" "}
                  <Text span size="sm" c="dimmed" style={{ whiteSpace: "nowrap" }}>
                    {t.proof.urgency(t.urgency[finding.urgency as "high" | "low"])}
                  </Text>
                </Table.Td>
                <Table.Td>
                  {finding.reached_after_s == null ? (
                    <Mark tone="danger">{t.proof.never}</Mark>
                  ) : (
                    <Mark tone="warn">{t.proof.reached(length(finding.reached_after_s))}</Mark>
                  )}
                </Table.Td>
                <Table.Td>{finding.reason}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {findings.length > SHOWN && (
        <Text px="md" pb="md" c="dimmed">
          {t.proof.more(findings.length - SHOWN)}
        </Text>
      )}
    </Block>
  );
}

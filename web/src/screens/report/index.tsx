import { useMemo, useState } from "react";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/hooks";
import { usePersonName, useServiceName, useTeams } from "../../lib/names";
import { length } from "../../lib/time";
import { t } from "../../text";
import { Block, Empty, Group, Mark, Read, Screen, SegmentedControl, Select, Stack, Table, Text, TextLink } from "../../ui";
import style from "./report.module.css";

type Report = Answer<"GET /report">;

const DAYS = ["7", "30", "90"];

/** Whom pages have interrupted, when and over what; and which of them need not have. */
export default function ReportScreen() {
  const [days, setDays] = useState("30");
  const [team, setTeam] = useState<string | null>(null);
  const teams = useTeams();
  // One question for as long as the screen is open: a span that moves would never be the same twice.
  const from = useMemo(() => new Date(Date.now() - Number(days) * 86_400_000).toISOString(), [days]);
  const report = useRead("GET /report", { query: { from, team: team ?? undefined } }, { keep: true });
  return (
    <Screen
      title={t.report.title}
      hint={t.report.hint}
      actions={
        <Group>
          <SegmentedControl
            aria-label={t.report.days}
            data={DAYS.map((one) => ({ value: one, label: `${one} d` }))}
            value={days}
            onChange={setDays}
          />
          <Select
            aria-label={t.report.team}
            placeholder={t.report.anyTeam}
            value={team}
            onChange={setTeam}
            data={(teams.data?.items ?? []).map((one) => ({ value: one.id, label: one.name || one.id }))}
            clearable
            w={180}
          />
        </Group>
      }
    >
      <Read of={report} lines={8}>
        {(answer) =>
          answer.people.length === 0 && answer.alerts === 0 ? (
            <Empty icon="list" title={t.report.empty} hint={t.report.emptyHint} />
          ) : (
            <Stack>
              {answer.truncated && <Mark tone="warn">{t.report.truncated}</Mark>}
              <People people={answer.people} />
              <Services services={answer.services} />
              <Noise noise={answer.noise} />
            </Stack>
          )
        }
      </Read>
    </Screen>
  );
}

function People({ people }: { people: Report["people"] }) {
  const person = usePersonName();
  const most = Math.max(1, ...people.map((one) => one.interruptions));
  const columns = t.report.columns;
  return (
    <Block title={t.report.people} padded={false}>
      <Table.ScrollContainer minWidth={820} px="md" pb="md">
        <Table verticalSpacing="sm">
          <Table.Thead>
            <Table.Tr>
              {Object.values(columns).map((text) => (
                <Table.Th key={text}>{text}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {people.map((one) => (
              <Table.Tr key={one.user}>
                <Table.Td>
                  <TextLink to="/people">{person(one.user)}</TextLink>
                </Table.Td>
                <Table.Td>
                  <div className={style.bar}>
                    <span style={{ width: `${(one.interruptions / most) * 100}%` }} />
                    <b>{one.interruptions}</b>
                  </div>
                </Table.Td>
                <Table.Td>{one.nights > 0 ? <Mark tone="warn">{one.nights}</Mark> : 0}</Table.Td>
                <Table.Td>{one.acknowledged}</Table.Td>
                <Table.Td>{length(one.oncall_s)}</Table.Td>
                <Table.Td>{length(one.unsocial_s)}</Table.Td>
                <Table.Td>
                  <Hours name={person(one.user)} hours={one.hours} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Block>
  );
}

/** Twenty-four small cells, and the same in words for whoever does not see them. */
function Hours({ name, hours }: { name: string; hours: number[] }) {
  const most = Math.max(1, ...hours);
  const words = hours.map((n, hour) => (n > 0 ? `${hour}:00 ${n}` : "")).filter(Boolean);
  return (
    <div className={style.hours} role="img" aria-label={`${t.report.hours(name)}: ${words.join(", ") || "0"}`}>
      {hours.map((n, hour) => (
        <span key={`${name}${hour}`} title={`${hour}:00: ${n}`} style={{ opacity: n === 0 ? 0.12 : 0.3 + (0.7 * n) / most }} />
      ))}
    </div>
  );
}

function Services({ services }: { services: Report["services"] }) {
  const name = useServiceName();
  if (services.length === 0) return null;
  return (
    <Block title={t.report.services} padded={false}>
      <Table.ScrollContainer minWidth={640} px="md" pb="md">
        <Table verticalSpacing="sm">
          <Table.Thead>
            <Table.Tr>
              {Object.values(t.report.service).map((text) => (
                <Table.Th key={text}>{text}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {services.map((one) => (
              <Table.Tr key={one.service ?? ""}>
                <Table.Td>
                  {one.service ? <TextLink to={`/services/${one.service}`}>{name(one.service)}</TextLink> : t.report.byHand}
                </Table.Td>
                <Table.Td>{one.alerts}</Table.Td>
                <Table.Td>{one.interruptions}</Table.Td>
                <Table.Td>{one.nights}</Table.Td>
                <Table.Td>{one.acknowledged}</Table.Td>
                <Table.Td>{one.by_themselves}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Block>
  );
}

function Noise({ noise }: { noise: Report["noise"] }) {
  const name = useServiceName();
  return (
    <Block title={t.report.noise}>
      <Text size="sm" c="dimmed" mb="sm">
        {noise.length > 0 ? t.report.noiseHint : t.report.noNoise}
      </Text>
      {noise.length > 0 && (
        <Table.ScrollContainer minWidth={640}>
          <Table verticalSpacing="sm">
            <Table.Thead>
              <Table.Tr>
                {Object.values(t.report.noiseColumns).map((text) => (
                  <Table.Th key={text}>{text}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {noise.map((one) => (
                <Table.Tr key={`${one.service}${one.summary}`}>
                  <Table.Td>
                    <TextLink to={`/alerts?state=resolved&q=${encodeURIComponent(one.summary.split(" ").slice(0, 6).join(" "))}`}>
                      {one.summary}
                    </TextLink>
                  </Table.Td>
                  <Table.Td>{one.service ? name(one.service) : t.report.byHand}</Table.Td>
                  <Table.Td>{one.alerts}</Table.Td>
                  <Table.Td>{one.interruptions}</Table.Td>
                  <Table.Td>{one.ignored}</Table.Td>
                  <Table.Td>{one.brief}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Block>
  );
}

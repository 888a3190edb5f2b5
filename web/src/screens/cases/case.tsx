import { type ReactNode, useState } from "react";
import { useParams } from "wouter";
import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { useInstitutionName, usePersonName, useServiceName, useVendorName, useVendors } from "../../lib/names";
import { length } from "../../lib/time";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import {
  Block,
  Button,
  Grid,
  Group,
  Icon,
  Modal,
  Read,
  Screen,
  Stack,
  Text,
  Textarea,
  TextLink,
  useDisclosure,
  When,
} from "../../ui";
import { isAddress } from "./clock";
import { NumberFields } from "./keep";
import { ClockMark, EVERY_MS, useCaseName } from "./line";
import { Outside, VendorLinks } from "./vendor";

type Card = Answer<"GET /cases/{id}">;

const TOUCHES = ["GET /cases/{id}", "GET /cases"] as const;

/** One case: how its clock stands, what was asked and answered, and what one can do. */
export default function CaseScreen() {
  const { id = "" } = useParams<{ id: string }>();
  const found = useRead("GET /cases/{id}", { path: { id } }, { every: EVERY_MS });
  const name = useCaseName();
  const mayIn = useMay();
  const card = found.data;
  const may = card?.state === "open" && mayIn("responder", card.team);
  return (
    <Screen title={card ? name(card) : t.cases.title} back={{ to: "/cases", text: t.cases.back }}>
      <Read of={found}>
        {(data) => (
          <Grid>
            <Grid.Col span={{ base: 12, md: 7 }}>
              <Stack>
                <Standing card={data} may={may} />
                <Block title={t.cases.history}>
                  <History card={data} />
                </Block>
              </Stack>
            </Grid.Col>
            <Grid.Col span={{ base: 12, md: 5 }}>
              <Facts card={data} />
            </Grid.Col>
          </Grid>
        )}
      </Read>
    </Screen>
  );
}

function Standing({ card, may }: { card: Card; may: boolean }) {
  const [note, setNote] = useState("");
  const chase = useAct("POST /cases/{id}/chase", {
    touches: [...TOUCHES],
    done: () => t.cases.chased,
    onDone: () => setNote(""),
  });
  return (
    <Block>
      <Stack gap="sm">
        <Group gap="sm">
          <ClockMark of={card} />
          {card.next_chase_at && (
            <Text size="sm" c="dimmed">
              {t.cases.nextAt} <When at={card.next_chase_at} both />, {t.cases.every(length(card.chase_every_s))}
            </Text>
          )}
        </Group>
        {card.state === "closed" && <Text>{card.reason}</Text>}
        {may && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (note.trim()) chase.mutate({ path: { id: card.id }, body: { note } });
            }}
          >
            <Stack gap="xs">
              <Textarea
                label={t.cases.chaseNote}
                description={t.cases.chaseHint}
                value={note}
                onChange={(event) => setNote(event.currentTarget.value)}
                required
                autosize
                minRows={2}
                maxLength={1_000}
              />
              <Group>
                <Button
                  type="submit"
                  size="md"
                  h={44}
                  disabled={!note.trim()}
                  loading={chase.isPending}
                  leftSection={<Icon name="check" />}
                >
                  {t.cases.chase}
                </Button>
              </Group>
            </Stack>
          </form>
        )}
        {may && (
          <Group>
            <Numbered card={card} />
            <Close card={card} />
          </Group>
        )}
      </Stack>
    </Block>
  );
}

/** Saying the number that the vendor gave it. */
function Numbered({ card }: { card: Card }) {
  const label = card.number ? t.cases.changeNumber : t.cases.setNumber;
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="md" h={44} variant="default" onClick={open}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={label} closeButtonProps={{ "aria-label": t.common.close }}>
        {opened && <NumberForm card={card} close={close} />}
      </Modal>
    </>
  );
}

function NumberForm({ card, close }: { card: Card; close: () => void }) {
  const [number, setNumber] = useState(card.number);
  const [url, setUrl] = useState(card.url ?? "");
  const save = useAct("POST /cases/{id}/number", { touches: [...TOUCHES], done: () => t.cases.numberSet, onDone: close });
  const fine = number.trim() !== "" && (url === "" || isAddress(url));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (fine) save.mutate({ path: { id: card.id }, body: { number, url } });
      }}
    >
      <Stack>
        <NumberFields number={number} url={url} setNumber={setNumber} setUrl={setUrl} required />
        <Group>
          <Button type="submit" disabled={!fine} loading={save.isPending}>
            {t.common.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Close({ card }: { card: Card }) {
  const [opened, { open, close }] = useDisclosure(false);
  const [reason, setReason] = useState("");
  const act = useAct("POST /cases/{id}/close", { touches: [...TOUCHES], done: () => t.cases.closed, onDone: close });
  return (
    <>
      <Button size="md" h={44} variant="default" onClick={open}>
        {t.cases.close}
      </Button>
      <Modal opened={opened} onClose={close} title={t.cases.closeTitle} closeButtonProps={{ "aria-label": t.common.close }}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.trim()) act.mutate({ path: { id: card.id }, body: { reason } });
          }}
        >
          <Stack>
            <Textarea
              label={t.cases.closeReason}
              description={t.cases.closeHint}
              value={reason}
              onChange={(event) => setReason(event.currentTarget.value)}
              required
              maxLength={1_000}
              data-autofocus
            />
            <Group>
              <Button type="submit" disabled={!reason.trim()} loading={act.isPending}>
                {t.cases.close}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function History({ card }: { card: Card }) {
  const person = usePersonName();
  const older = card.chased - card.chases.length;
  return (
    <Stack gap="xs">
      <Entry at={card.opened_at} title={`${t.cases.opened}, ${t.run.by(person(card.opened_by))}`} />
      {older > 0 && (
        <Text size="sm" c="dimmed">
          {t.cases.older(older)}
        </Text>
      )}
      {card.chases.map((chase, n) => (
        <Entry key={n} at={chase.at} title={t.cases.chasedBy(person(chase.by))} text={chase.note} />
      ))}
      {card.closed_at && <Entry at={card.closed_at} title={t.cases.closedBy(person(card.closed_by))} text={card.reason} />}
    </Stack>
  );
}

function Entry({ at, title, text }: { at: string; title: string; text?: string }) {
  return (
    <div>
      <Group gap="sm">
        <Text size="sm" c="dimmed">
          <When at={at} both />
        </Text>
        <Text size="sm" fw={600}>
          {title}
        </Text>
      </Group>
      {text && (
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {text}
        </Text>
      )}
    </div>
  );
}

function Facts({ card }: { card: Card }) {
  const [institution, service, vendor] = [useInstitutionName(), useServiceName(), useVendorName()];
  const vendors = useVendors();
  const asked = vendors.data?.items.find((one) => one.id === card.vendor);
  return (
    <Block title={t.cases.facts}>
      <Stack gap="xs">
        <Fact name={t.cases.vendor}>{vendor(card.vendor)}</Fact>
        {card.institution && <Fact name={t.cases.institution}>{institution(card.institution)}</Fact>}
        {card.service && (
          <Fact name={t.cases.service}>
            <TextLink to={`/services/${card.service}`}>{service(card.service)}</TextLink>
          </Fact>
        )}
        <Group gap="md">
          {card.alert && <TextLink to={`/alerts/${card.alert}`}>{t.cases.alert}</TextLink>}
          {card.run && <TextLink to={`/runs/${card.run}`}>{t.cases.run}</TextLink>}
        </Group>
        <Group gap="md">
          {card.url && <Outside to={card.url}>{t.cases.there}</Outside>}
          {asked && <VendorLinks of={asked} />}
        </Group>
      </Stack>
    </Block>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      <Text size="sm" c="dimmed" miw={90}>
        {name}
      </Text>
      <Text size="sm" style={{ minWidth: 0, overflowWrap: "anywhere" }}>
        {children}
      </Text>
    </Group>
  );
}

import type { Answer } from "../../api/client";
import { useAct, useRead } from "../../api/hooks";
import { ownDevice, usePush } from "../../lib/push";
import ThisBrowser, { useTest } from "../../shell/page-me";
import { useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Mark, Read, Stack, Text, TextLink, toast, When } from "../../ui";

type Contact = Answer<"GET /readiness">["items"][number]["contacts"][number];
type Device = Answer<"GET /me/devices">["items"][number];

/** Every way to oneself, each with its test, and the browsers that take pages. */
export function Reach() {
  const session = useSession();
  const readiness = useRead("GET /readiness", { query: { user: session.user?.id } }, { enabled: session.user != null });
  return (
    <Block title={t.reach.title}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t.reach.hint}
        </Text>
        <Read of={readiness}>
          {({ items }) => (
            <Stack gap="sm">
              {items.map((one) => (
                <Stack key={one.user} gap="sm">
                  <Group>
                    <Mark tone={one.ready ? "ok" : "warn"} icon={one.ready ? "check" : "warn"}>
                      {one.ready ? t.reach.proven : t.reach.unproven}
                    </Mark>
                    <Text size="sm">{one.lacking ? t.reach.lacking(one.lacking) : t.reach.ready}</Text>
                    {one.lacking && <TextLink to={`/edit/user/${one.user}`}>{t.reach.change}</TextLink>}
                  </Group>
                  {one.contacts.length === 0 && <Text>{t.reach.none}</Text>}
                  {one.contacts.map((contact) => (
                    <Way key={contact.id} contact={contact} />
                  ))}
                </Stack>
              ))}
            </Stack>
          )}
        </Read>
        <Devices />
      </Stack>
    </Block>
  );
}

function Way({ contact }: { contact: Contact }) {
  const test = useTest();
  const confirm = useAct("POST /me/test/confirm", { touches: ["GET /readiness"], done: () => t.reach.noted });
  const waits =
    contact.outcome === "sent" && contact.channel !== "push" && (contact.confirmed_at ?? "") < (contact.sent_at ?? "");
  return (
    <Group justify="space-between" wrap="nowrap" align="flex-start">
      <div>
        <Group gap={6}>
          <Text fw={600}>{contact.id}</Text>
          <Text size="sm" c="dimmed">
            {t.channels[contact.channel] ?? contact.channel}
          </Text>
          {contact.rings && (
            <Mark tone="info" icon="bell" title={t.reach.ringsHint}>
              {t.reach.rings}
            </Mark>
          )}
        </Group>
        <Text size="sm" c="dimmed">
          <State contact={contact} waits={waits} />
        </Text>
      </div>
      <Group gap="xs" justify="flex-end">
        {waits && (
          <Button size="compact-md" onClick={() => confirm.mutate({ body: { contact: contact.id } })} loading={confirm.isPending}>
            {t.reach.reached}
          </Button>
        )}
        <Button
          size="compact-md"
          variant="default"
          aria-label={`${t.reach.test}: ${contact.id}`}
          loading={test.isPending}
          onClick={() => test.mutate({ body: { contact: contact.id } })}
        >
          {t.reach.test}
        </Button>
      </Group>
    </Group>
  );
}

function State({ contact, waits }: { contact: Contact; waits: boolean }) {
  if (contact.outcome && contact.outcome !== "sent") return <>{`${t.reach.failed(contact.outcome)}: ${contact.reason ?? ""}`}</>;
  if (waits) {
    return (
      <>
        {t.reach.waiting} <When at={contact.sent_at} relative />
      </>
    );
  }
  if (!contact.confirmed_at) return <>{contact.sent_at ? t.reach.waiting : t.reach.never}</>;
  return (
    <>
      {t.reach.confirmed} <When at={contact.confirmed_at} relative />
    </>
  );
}

function Devices() {
  const devices = useRead("GET /me/devices");
  return (
    <Stack gap="sm">
      <Text fw={600}>{t.reach.devices}</Text>
      <Text size="sm" c="dimmed">
        {t.reach.devicesHint}
      </Text>
      <Read of={devices} lines={1}>
        {({ items }) => (
          <Stack gap="sm">
            {items.length === 0 && <Text>{t.reach.nothing}</Text>}
            {items.map((device) => (
              <DeviceLine key={device.id} device={device} />
            ))}
          </Stack>
        )}
      </Read>
      <ThisBrowser />
    </Stack>
  );
}

function DeviceLine({ device }: { device: Device }) {
  const remove = useAct("DELETE /me/devices/{id}", {
    touches: ["GET /me/devices", "GET /readiness"],
    done: () => t.reach.removed,
  });
  const push = usePush();
  const own = ownDevice() === device.id;
  return (
    <Group justify="space-between" wrap="nowrap" align="flex-start">
      <div>
        <Group gap={6}>
          <Text size="sm" fw={600}>
            {device.name}
          </Text>
          {own && <Mark tone="ok">{t.reach.thisOne}</Mark>}
        </Group>
        <Text size="sm" c="dimmed">
          {device.received_at ? (
            <>
              {t.reach.shown} <When at={device.received_at} relative />
            </>
          ) : (
            t.reach.neverShown
          )}
          {device.outcome && device.outcome !== "sent" && `; ${t.reach.failed(device.outcome)}: ${device.reason ?? ""}`}
          {"; "}
          {t.reach.nextTest} <When at={device.next_test_at} relative />
        </Text>
      </div>
      <Button
        size="compact-md"
        variant="default"
        aria-label={`${t.reach.remove}: ${device.name}`}
        onClick={() =>
          own ? void push.off().then(() => toast.done(t.reach.removed)) : remove.mutate({ path: { id: device.id } })
        }
      >
        {t.reach.remove}
      </Button>
    </Group>
  );
}

import { useAct } from "../api/hooks";
import { usePush } from "../lib/push";
import { t } from "../text";
import { Button, Group, Icon, Text, toast } from "../ui";

/** A test over one contact method; `sent` says so, a failure says why. */
export function useTest() {
  return useAct("POST /me/test", {
    touches: ["GET /readiness", "GET /me/devices"],
    onDone: ({ contact, outcome, reason }) => {
      if (outcome === "sent") toast.done(t.reach.testSent(contact));
      else toast.failed(t.reach.testFailed(contact, reason ?? outcome));
    },
  });
}

/** Switching this browser on, and the test that shows that it works. */
export default function ThisBrowser() {
  const push = usePush();
  const test = useTest();
  if (push.state === "unknown") return null;
  if (push.state === "unsupported" || push.state === "denied") return <Text size="sm">{t.reach[push.state]}</Text>;
  const on = () => void push.on().then(() => toast.done(t.reach.registered), toast.problem);
  return (
    <Group>
      {push.state === "off" ? (
        <Button leftSection={<Icon name="bell" />} onClick={on}>
          {t.reach.on}
        </Button>
      ) : (
        <Button
          leftSection={<Icon name="bell" />}
          loading={test.isPending}
          onClick={() => test.mutate({ body: { contact: "push" } })}
        >
          {t.reach.pageMe}
        </Button>
      )}
    </Group>
  );
}

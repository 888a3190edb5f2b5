import { Link, useParams } from "wouter";
import { useRead } from "../../api/hooks";
import { t } from "../../text";
import { Block, Button, Icon, Read, Screen } from "../../ui";
import { Outline } from "./outline";
import { Runs } from "./runs";
import { StartButton } from "./start";

/** A runbook as it is written, read from top to bottom. */
export default function Runbook() {
  const { id = "" } = useParams<{ id: string }>();
  const runbook = useRead("GET /runbooks/{id}", { path: { id } });
  return (
    <Screen
      title={runbook.data?.title ?? id}
      back={{ to: "/runbooks", text: t.runbooks.all }}
      actions={
        runbook.data && (
          <>
            <Button
              component={Link}
              href={`/runbooks/${id}/propose`}
              size="compact-md"
              variant="default"
              leftSection={<Icon name="edit" size={14} />}
            >
              {t.write.propose}
            </Button>
            <StartButton runbook={runbook.data} full />
          </>
        )
      }
    >
      <Read of={runbook}>
        {(found) => (
          <Block>
            <Outline of={found} />
          </Block>
        )}
      </Read>
      <Runs title={t.runbooks.runs} runbook={id} />
    </Screen>
  );
}

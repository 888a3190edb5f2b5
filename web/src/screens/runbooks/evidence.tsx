import { useRead } from "../../api/hooks";
import { length } from "../../lib/time";
import { t } from "../../text";
import { Button, CopyButton, Group, Icon, Read, Stack, Text, Textarea } from "../../ui";
import { VendorLinks } from "../cases/vendor";

/** What is copied is not older than this while the run goes on. */
const EVERY_MS = 5_000;

/** Read ahead, so that copying needs no wait: a browser lets a page write only at the moment of the press. */
function useEvidence(run: string, open: boolean) {
  return useRead("GET /runs/{id}/evidence", { path: { id: run } }, { every: open ? EVERY_MS : undefined });
}

export function CopyEvidence({ run, open }: { run: string; open: boolean }) {
  const evidence = useEvidence(run, open);
  return <Copy text={evidence.data?.text} />;
}

function Copy({ text }: { text?: string }) {
  return (
    <CopyButton value={text ?? ""}>
      {({ copied, copy }) => (
        <Button
          size="compact-md"
          variant="default"
          disabled={!text}
          leftSection={<Icon name={copied ? "check" : "copy"} size={14} />}
          onClick={copy}
        >
          {copied ? t.common.copied : t.evidence.copy}
        </Button>
      )}
    </CopyButton>
  );
}

/** Everything for the step that opens a case: where, what the vendor wants in it, and the text to paste. */
export function CasePanel({ run }: { run: string }) {
  const evidence = useEvidence(run, true);
  return (
    <Read of={evidence} lines={2}>
      {({ text, title, vendor }) => (
        <Stack gap="xs">
          {vendor ? (
            <>
              <Group gap="md">
                <Text size="sm" fw={600}>
                  {vendor.name}
                </Text>
                <VendorLinks of={vendor} subject={title} />
              </Group>
              {vendor.note && (
                <Text size="sm">
                  <b>{t.evidence.wants(vendor.name)}:</b> {vendor.note}
                </Text>
              )}
              <Text size="sm" c="dimmed">
                {t.evidence.clock(length(vendor.responds_within_s))}
              </Text>
            </>
          ) : (
            <Text size="sm">{t.evidence.noVendor}</Text>
          )}
          {/* To be selected by hand as well: without TLS a browser does not let a page copy. */}
          <Textarea label={t.evidence.text} value={text} readOnly autosize minRows={4} maxRows={10} spellCheck={false} />
          <Group>
            <Copy text={text} />
          </Group>
        </Stack>
      )}
    </Read>
  );
}

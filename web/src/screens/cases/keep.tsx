import { useState } from "react";
import { useLocation } from "wouter";
import { useAct } from "../../api/hooks";
import { useInstitutions, useServices, useVendors } from "../../lib/names";
import { useMay } from "../../shell/session";
import { t } from "../../text";
import { Button, Group, Icon, Modal, ProblemNote, Select, Stack, Text, TextInput, useDisclosure } from "../../ui";
import { isAddress } from "./clock";

/** Keeping a case that somebody has opened at a vendor by hand. */
export function KeepCase({ alert }: { alert?: string }) {
  const [opened, { open, close }] = useDisclosure(false);
  const may = useMay()("responder");
  return (
    <>
      <Button
        size="compact-md"
        variant={alert ? "default" : "filled"}
        disabled={!may}
        onClick={open}
        leftSection={<Icon name="plus" size={14} />}
      >
        {t.cases.keep}
      </Button>
      <Modal opened={opened} onClose={close} title={t.cases.keepTitle} closeButtonProps={{ "aria-label": t.common.close }}>
        {opened && <Form alert={alert} />}
      </Modal>
    </>
  );
}

function Form({ alert }: { alert?: string }) {
  const [, go] = useLocation();
  const institutions = useInstitutions();
  const vendors = useVendors();
  const services = useServices();
  const [institution, setInstitution] = useState<string | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [service, setService] = useState<string | null>(null);
  const [number, setNumber] = useState("");
  const [url, setUrl] = useState("");
  const keep = useAct("POST /cases", {
    touches: ["GET /cases"],
    done: () => t.cases.kept,
    onDone: (made) => go(`/cases/${made.id}`),
    quiet: true,
  });
  const of = (rows: Array<{ id: string; name?: string | null }> | undefined) =>
    (rows ?? []).map((row) => ({ value: row.id, label: row.name || row.id }));
  // Whom the institution is asked for, unless somebody else is chosen.
  const vendor = chosen ?? institutions.data?.items.find((one) => one.id === institution)?.vendor ?? null;
  const bad = url !== "" && !isAddress(url);
  // The alert may name the institution, and with it the vendor.
  const missing = !vendor && !alert;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const body = { number, url, institution, vendor, service, alert };
        if (!missing && !bad) keep.mutate({ body });
      }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {t.cases.keepHint}
        </Text>
        <Select
          label={t.cases.institution}
          data={of(institutions.data?.items)}
          value={institution}
          onChange={setInstitution}
          searchable
          clearable
          selectFirstOptionOnChange
        />
        <Select
          label={t.cases.vendor}
          data={of(vendors.data?.items)}
          value={vendor}
          onChange={setChosen}
          required={!alert}
          searchable
          selectFirstOptionOnChange
        />
        {!alert && (
          <Select
            label={t.cases.service}
            data={of(services.data?.items)}
            value={service}
            onChange={setService}
            searchable
            clearable
            selectFirstOptionOnChange
          />
        )}
        <NumberFields number={number} url={url} setNumber={setNumber} setUrl={setUrl} />
        {keep.error && <ProblemNote problem={keep.error} />}
        <Group>
          <Button type="submit" disabled={missing || bad} loading={keep.isPending}>
            {t.cases.keep}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What the vendor calls a case, and where it is. */
export function NumberFields(props: {
  number: string;
  url: string;
  setNumber: (number: string) => void;
  setUrl: (url: string) => void;
  required?: boolean;
}) {
  const { number, url, setNumber, setUrl, required } = props;
  return (
    <>
      <TextInput
        label={t.cases.number}
        description={required ? undefined : t.cases.numberHint}
        value={number}
        onChange={(event) => setNumber(event.currentTarget.value)}
        maxLength={100}
        required={required}
      />
      <TextInput
        label={t.cases.url}
        value={url}
        onChange={(event) => setUrl(event.currentTarget.value.trim())}
        error={url !== "" && !isAddress(url) ? t.cases.urlBad : undefined}
        maxLength={2_000}
        inputMode="url"
      />
    </>
  );
}

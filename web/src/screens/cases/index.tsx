import { useState } from "react";
import { useRead } from "../../api/hooks";
import { useInstitutions, useVendors } from "../../lib/names";
import { t } from "../../text";
import { Block, Empty, Group, Read, Screen, SegmentedControl, Select, Stack, TextLink } from "../../ui";
import { byClock } from "./clock";
import { KeepCase } from "./keep";
import { CaseLine, EVERY_MS } from "./line";

/** Every case at a vendor, the one that has to be chased first on top. */
export default function Cases() {
  const [which, setWhich] = useState("open");
  const [vendor, setVendor] = useState<string | null>(null);
  const [institution, setInstitution] = useState<string | null>(null);
  const query = { open: which === "open" ? true : undefined, vendor: vendor ?? undefined, institution: institution ?? undefined };
  const cases = useRead("GET /cases", { query: { ...query, limit: 500 } }, { every: EVERY_MS, keep: true });
  const vendors = useVendors();
  const institutions = useInstitutions();
  const of = (rows: Array<{ id: string; name?: string | null }> | undefined) =>
    (rows ?? []).map((row) => ({ value: row.id, label: row.name || row.id }));
  const narrowed = vendor !== null || institution !== null;
  const nobody = vendors.data?.items.length === 0;
  return (
    <Screen title={t.cases.title} hint={t.cases.hint} actions={nobody ? undefined : <KeepCase />}>
      <Group align="flex-end" gap="sm">
        <SegmentedControl
          aria-label={t.cases.which}
          value={which}
          onChange={setWhich}
          data={[
            { value: "open", label: t.cases.open },
            { value: "all", label: t.cases.all },
          ]}
        />
        <Select
          aria-label={t.cases.institution}
          placeholder={t.cases.anyInstitution}
          data={of(institutions.data?.items)}
          value={institution}
          onChange={setInstitution}
          searchable
          clearable
        />
        <Select
          aria-label={t.cases.vendor}
          placeholder={t.cases.anyVendor}
          data={of(vendors.data?.items)}
          value={vendor}
          onChange={setVendor}
          searchable
          clearable
        />
      </Group>
      <Read of={cases}>
        {({ items }) =>
          items.length > 0 ? (
            <Block>
              <Stack gap="sm">
                {[...items].sort(byClock).map((one) => (
                  <CaseLine key={one.id} of={one} />
                ))}
              </Stack>
            </Block>
          ) : narrowed ? (
            <Empty icon="search" title={t.cases.noneFits} hint={t.cases.noneFitsHint} />
          ) : nobody ? (
            <Empty icon="mail" title={t.cases.noVendors} hint={t.cases.noVendorsHint} />
          ) : (
            <Empty
              icon="check"
              title={t.cases.none}
              hint={t.cases.noneHint}
              action={<TextLink to="/runbooks">{t.cases.runbooks}</TextLink>}
            />
          )
        }
      </Read>
    </Screen>
  );
}

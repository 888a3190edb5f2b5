import type { ReactNode } from "react";
import type { Answer } from "../../api/client";
import { t } from "../../text";
import { Anchor, Group, Icon } from "../../ui";
import { isAddress } from "./clock";

type Vendor = Answer<"GET /vendors">["items"][number];

/** A link that leaves Firedog. */
export function Outside({ to, children }: { to: string; children: ReactNode }) {
  if (!isAddress(to)) return null;
  return (
    <Anchor href={to} target="_blank" rel="noopener noreferrer">
      <Group gap={4} wrap="nowrap" component="span">
        <Icon name="link" size={14} />
        {children}
      </Group>
    </Anchor>
  );
}

/** Where a vendor takes cases. */
export function VendorLinks({ of, subject }: { of: Vendor; subject?: string }) {
  const about = subject ? `?subject=${encodeURIComponent(subject)}` : "";
  return (
    <>
      {of.portal && <Outside to={of.portal}>{t.cases.portal}</Outside>}
      {of.email && <Anchor href={`mailto:${of.email}${about}`}>{t.cases.mail}</Anchor>}
    </>
  );
}

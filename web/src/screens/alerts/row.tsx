import { Link } from "wouter";
import { usePersonName, useServiceName } from "../../lib/names";
import { t } from "../../text";
import { Button, Checkbox, Group, Icon, Mark, SeverityMark, StateMark, Text, When } from "../../ui";
import type { Alert } from "./act";
import style from "./row.module.css";

/** Heights that the long list needs to know, px. */
export const ROW_HEIGHT = { desk: 62, phone: 152 };

interface RowProps {
  alert: Alert;
  phone: boolean;
  current: boolean;
  selected?: boolean;
  onSelect?: (selected: boolean) => void;
  onAcknowledge: () => void;
  /** On a phone the button of what somebody has already. */
  onResolve?: () => void;
  mayAct: boolean;
}

/** An alert in a list: on a desk a line, on a phone a card with its one button across. */
export function AlertLine(props: RowProps) {
  const { alert, phone } = props;
  const [service, person] = [useServiceName(), usePersonName()];
  const facts = (
    <Group gap={8} wrap="nowrap" className={style.facts}>
      <span>{alert.service ? service(alert.service) : t.alerts.byHand}</span>
      {alert.count > 1 && <span>{t.alerts.times(alert.count)}</span>}
      <When at={alert.created_at} relative />
      {alert.acknowledged_by && <span>{t.alerts.has(person(alert.acknowledged_by))}</span>}
    </Group>
  );
  const acknowledge = alert.state === "triggered" && (
    <Button
      size={phone ? "md" : "compact-md"}
      fullWidth={phone}
      h={phone ? 44 : undefined}
      disabled={!props.mayAct}
      onClick={props.onAcknowledge}
      leftSection={<Icon name="hand" size={16} />}
    >
      {t.alerts.acknowledge}
    </Button>
  );
  const resolve = phone && alert.state === "acknowledged" && props.onResolve && (
    <Button
      variant="default"
      size="md"
      fullWidth
      h={44}
      disabled={!props.mayAct}
      onClick={props.onResolve}
      leftSection={<Icon name="check" size={16} />}
    >
      {t.alerts.resolve}
    </Button>
  );
  return (
    <div className={style.row} data-current={props.current || undefined} data-state={alert.state} data-phone={phone || undefined}>
      {props.onSelect && !phone && (
        <Checkbox
          aria-label={t.alerts.select(alert.summary)}
          checked={props.selected ?? false}
          onChange={(event) => props.onSelect?.(event.currentTarget.checked)}
        />
      )}
      <div className={style.text}>
        <Group gap={8} wrap="nowrap">
          <StateMark state={alert.state} />
          <SeverityMark severity={alert.severity} />
          {alert.urgency === "low" && <Mark tone="quiet">{t.urgency.low}</Mark>}
          {!phone && <Summary alert={alert} />}
        </Group>
        {phone && <Summary alert={alert} />}
        {facts}
      </div>
      <div className={style.act}>{acknowledge || resolve}</div>
    </div>
  );
}

function Summary({ alert }: { alert: Alert }) {
  return (
    <Text fw={600} className={style.summary}>
      <Link href={`/alerts/${alert.id}`}>{alert.summary}</Link>
    </Text>
  );
}

import { Link } from "wouter";
import { t } from "../text";
import { Button } from "../ui";
import { useMay } from "./session";

/** To the editor of an object of the setup, for whoever may change it. Without an id: to a new one. */
export function EditButton(props: { kind: string; id?: string; team?: string; small?: boolean; label?: string }) {
  const may = useMay();
  if (!may("admin") && !may("manager", props.team)) return null;
  const to = props.id ? `/edit/${props.kind}/${props.id}` : `/edit/${props.kind}`;
  const text = props.label ?? (props.id ? t.edit.edit : t.edit.new(t.edit.kinds[props.kind] ?? props.kind));
  return (
    <Button
      component={Link}
      href={to}
      variant="default"
      size={props.small ? "compact-md" : "sm"}
      aria-label={props.id ? `${t.edit.edit}: ${props.id}` : undefined}
    >
      {text}
    </Button>
  );
}

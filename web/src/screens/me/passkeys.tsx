import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Problem } from "../../api/client";
import { refresh, useAct, useRead } from "../../api/hooks";
import { makePasskey, passkeysWork } from "../../lib/passkey";
import { useSession } from "../../shell/session";
import { t } from "../../text";
import { Block, Button, Group, Read, Stack, Text, TextInput, toast, When } from "../../ui";

/** Signing in with a finger, a face or a key instead of a password. */
export function Passkeys() {
  const keys = useRead("GET /me/passkeys");
  const session = useSession();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const remove = useAct("DELETE /me/passkeys/{id}", { touches: ["GET /me/passkeys"], done: () => t.me.passkeys.removed });
  const make = async () => {
    if (!session.user) return;
    setBusy(true);
    try {
      await makePasskey(name.trim(), session.user);
      toast.done(t.me.passkeys.made);
      setName("");
    } catch (error) {
      toast.problem(error as Problem);
    }
    setBusy(false);
    await refresh(client, ["GET /me/passkeys"]);
  };
  return (
    <Block title={t.me.passkeys.title}>
      <Stack>
        <Text size="sm" c="dimmed">
          {t.me.passkeys.hint}
        </Text>
        <Read of={keys} lines={1}>
          {({ items }) => (
            <Stack gap="xs">
              {items.length === 0 && <Text c="dimmed">{t.me.passkeys.none}</Text>}
              {items.map((one) => (
                <Group key={one.id} justify="space-between">
                  <Text size="sm">
                    <b>{one.name}</b>, {one.last_used_at ? t.me.tokens.used : t.me.tokens.never}{" "}
                    {one.last_used_at && <When at={one.last_used_at} relative />}
                  </Text>
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`${t.common.remove}: ${one.name}`}
                    onClick={() => remove.mutate({ path: { id: one.id } })}
                  >
                    {t.common.remove}
                  </Button>
                </Group>
              ))}
            </Stack>
          )}
        </Read>
        {passkeysWork() ? (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (name.trim()) void make();
            }}
          >
            <Group align="flex-end">
              <TextInput
                label={t.me.passkeys.name}
                placeholder={t.me.passkeys.nameHint}
                value={name}
                onChange={(event) => setName(event.currentTarget.value)}
                maxLength={60}
              />
              <Button type="submit" variant="default" disabled={!name.trim()} loading={busy}>
                {t.me.passkeys.make}
              </Button>
            </Group>
          </form>
        ) : (
          <Text size="sm">{t.me.passkeys.unsupported}</Text>
        )}
      </Stack>
    </Block>
  );
}

import { useLocation } from "wouter";
import { base, request } from "../api/client";
import { browserZone, chooseZone, ownZone, useZoneChoice, type ZoneChoice } from "../lib/time";
import { t } from "../text";
import { ActionIcon, Icon, Menu, SegmentedControl, Stack, Text, useColorScheme } from "../ui";
import { forget } from "../worker/register";
import { useSession } from "./session";

/** The person's own menu: who they are, colours, zone, signing out. */
export default function OwnMenu() {
  const session = useSession();
  const [, go] = useLocation();
  const zone = useZoneChoice();
  const { colorScheme, setColorScheme } = useColorScheme();
  const signOut = async () => {
    await request("DELETE /session").catch(() => undefined);
    await forget();
    location.assign(`${base}sign-in`);
  };
  const choices: ZoneChoice[] = ["mine", ...(browserZone() === ownZone() ? [] : (["browser"] as const)), "schedule", "utc"];
  return (
    <Menu width={280} position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size={36} radius="xl" aria-label={t.shell.nav.me}>
          <Icon name="person" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t.shell.signedInAs(session.name)}</Menu.Label>
        <Stack gap={4} px="sm" py="xs">
          <Text size="xs" c="dimmed" id="own-scheme">
            {t.shell.scheme.title}
          </Text>
          <SegmentedControl
            size="xs"
            aria-labelledby="own-scheme"
            value={colorScheme}
            onChange={(value) => setColorScheme(value as "light" | "dark" | "auto")}
            data={[
              { value: "light", label: t.shell.scheme.light },
              { value: "dark", label: t.shell.scheme.dark },
              { value: "auto", label: t.shell.scheme.auto },
            ]}
          />
        </Stack>
        <Menu.Divider />
        <Menu.Label>{t.shell.zone.title}</Menu.Label>
        {choices.map((choice) => (
          <Menu.Item
            key={choice}
            closeMenuOnClick={false}
            aria-checked={zone === choice}
            role="menuitemradio"
            onClick={() => chooseZone(choice)}
            leftSection={zone === choice ? <Icon name="check" size={14} /> : <span style={{ width: 14 }} />}
          >
            {choice === "mine"
              ? t.shell.zone.mine(ownZone())
              : choice === "browser"
                ? t.shell.zone.browser(browserZone())
                : t.shell.zone[choice]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        {session.user && (
          <Menu.Item leftSection={<Icon name="key" size={14} />} onClick={() => go("/me")}>
            {t.shell.account}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<Icon name="exit" size={14} />} onClick={() => void signOut()}>
          {t.shell.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

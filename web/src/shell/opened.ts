import { useState } from "react";
import { useHotkeys } from "../ui";

/** Something that is opened by a key or a button. `ever`: it has been, so its code is there. */
export function useOpened(key: string) {
  const [opened, setOpened] = useState(false);
  const [ever, setEver] = useState(false);
  const open = () => {
    setEver(true);
    setOpened(true);
  };
  useHotkeys([[key, open]], []);
  return { opened, ever, open, close: () => setOpened(false) };
}

// A long list of which only what is on the screen is in the page. Rows have one height.
import { type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Rows beyond the edges of the screen, so that scrolling shows no holes. */
const BEYOND = 8;

export function LongList<T>(props: {
  items: T[];
  rowHeight: number;
  render: (item: T, index: number) => ReactNode;
  keyOf: (item: T) => string;
  /** Keep this row on the screen. */
  follow?: number;
  /** The end is near: load more. */
  onEnd?: () => void;
  label: string;
}) {
  const { items, rowHeight } = props;
  const box = useRef<HTMLUListElement>(null);
  const [from, to] = useVisible(box, items.length, rowHeight);
  const { follow, onEnd } = props;
  useEffect(() => {
    if (follow === undefined || follow < 0 || !box.current) return;
    const top = box.current.getBoundingClientRect().top + follow * rowHeight;
    const [above, below] = [72, window.innerHeight - rowHeight - 80];
    if (top < above) window.scrollBy({ top: top - above });
    else if (top > below) window.scrollBy({ top: top - below });
  }, [follow, rowHeight]);
  const near = to >= items.length - BEYOND;
  useEffect(() => {
    if (near) onEnd?.();
  }, [near, onEnd]);
  return (
    <ul
      ref={box}
      aria-label={props.label}
      style={{ position: "relative", height: items.length * rowHeight, margin: 0, padding: 0, listStyle: "none" }}
    >
      {items.slice(from, to).map((item, index) => (
        <li
          key={props.keyOf(item)}
          aria-setsize={items.length}
          aria-posinset={from + index + 1}
          style={{ position: "absolute", insetInline: 0, top: (from + index) * rowHeight, height: rowHeight }}
        >
          {props.render(item, from + index)}
        </li>
      ))}
    </ul>
  );
}

function useVisible(box: RefObject<HTMLUListElement | null>, count: number, rowHeight: number): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, 30]);
  useLayoutEffect(() => {
    const measure = () => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowHeight) - BEYOND);
      const last = Math.min(count, Math.ceil((window.innerHeight - top) / rowHeight) + BEYOND);
      setRange((before) => (before[0] === first && before[1] === last ? before : [first, Math.max(first, last)]));
    };
    measure();
    window.addEventListener("scroll", measure, { passive: true });
    window.addEventListener("resize", measure);
    return () => {
      window.removeEventListener("scroll", measure);
      window.removeEventListener("resize", measure);
    };
  }, [box, count, rowHeight]);
  return range;
}

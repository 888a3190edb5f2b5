export { useAsk } from "./ask";
export * from "./icons";
export * from "./mantine";
export * from "./parts";
export { toast } from "./toast";
export { LongList } from "./window";

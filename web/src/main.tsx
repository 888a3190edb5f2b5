import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./ui/base.css";
import { createRoot } from "react-dom/client";
import { App } from "./shell/app";

const root = document.getElementById("app");
if (root) createRoot(root).render(<App />);

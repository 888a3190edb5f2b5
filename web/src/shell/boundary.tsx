import { Component, type ReactNode } from "react";
import { t } from "../text";
import { Button, Empty } from "../ui";

/** A screen that fails says so, and the others go on. */
export class Boundary extends Component<{ children: ReactNode }, { failed?: Error; at?: string }> {
  override state: { failed?: Error; at?: string } = {};

  static getDerivedStateFromError(failed: Error) {
    return { failed, at: location.pathname };
  }

  override componentDidUpdate() {
    // Going somewhere else is a new chance.
    if (this.state.failed && this.state.at !== location.pathname) this.setState({ failed: undefined, at: undefined });
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Empty
        icon="warn"
        title={t.problem.crashed}
        hint={`${t.problem.crashedHint} (${this.state.failed.message})`}
        action={<Button onClick={() => location.reload()}>{t.common.retry}</Button>}
      />
    );
  }
}

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Suspense, useEffect } from "react";
import { Redirect, Route, Router, Switch } from "wouter";
import { base, Problem } from "../api/client";
import { follow } from "../api/live";
import { routes } from "../routes";
import { t } from "../text";
import { Empty, Screen, Waiting } from "../ui";
import { Look } from "../ui/look";
import { registration } from "../worker/register";
import { Boundary } from "./boundary";
import { Frame } from "./frame";
import { SignedIn } from "./session";

/** What a screen has read is fresh for so long, ms; the live stream refreshes it sooner when it changes. */
const FRESH_MS = 10_000;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      // Refused is refused; only what did not arrive is asked for again.
      retry: (failures, error) => failures < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
    },
  },
});

export function App() {
  return (
    <Look>
      <QueryClientProvider client={client}>
        <SignedIn>
          <Router base={base.replace(/\/$/, "")}>
            <Following />
            <Frame>
              <Boundary>
                <Suspense fallback={<Waiting />}>
                  <Switch>
                    {routes.map(({ path, screen }) => (
                      <Route key={path} path={path} component={screen} />
                    ))}
                    <Route path="/">
                      <Redirect to={routes[0]?.path ?? "/"} replace />
                    </Route>
                    <Route>
                      <Screen title={t.problem.missingTitle}>
                        <Empty title={t.problem.missingTitle} hint={t.problem.missingHint} icon="search" />
                      </Screen>
                    </Route>
                  </Switch>
                </Suspense>
              </Boundary>
            </Frame>
          </Router>
        </SignedIn>
      </QueryClientProvider>
    </Look>
  );
}

function Following() {
  useEffect(() => {
    void registration();
    return follow(client);
  }, []);
  return null;
}

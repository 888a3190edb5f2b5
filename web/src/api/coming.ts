// Operations that the server is about to have. Each line goes when docs/openapi.json has it.
declare module "./types" {
  interface Operations {
    "GET /session": {
      path?: undefined;
      query?: undefined;
      body?: undefined;
      answer: {
        user: { id: string; name: string; email: string | null; timezone: string | null } | null;
        name: string;
        role: string;
        teams: string[];
        via: "session" | "token";
        expires_at: string | null;
      };
    };
    "DELETE /session": { path?: undefined; query?: undefined; body?: undefined; answer: undefined };
  }
}

export {};

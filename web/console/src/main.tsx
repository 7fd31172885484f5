import './theme/mantine.css';
import './theme/fonts.css';
import './theme/base.css';
import './theme/controls.css';
import './theme/print.css';
import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { makeQueries } from './app/queries';
import { makeRouter } from './app/router';
import { sessionEnded } from './session/leave';
import { resolver, theme } from './theme/theme';
import { Missing } from './ui/part';

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
// For the style that a dialog puts on the page behind it; Mantine's own styles ask getStyleNonce.
setNonce(nonce);
const queries = makeQueries(() => void sessionEnded(queries, router));
const router = makeRouter(queries);

createRoot(document.getElementById('root')!, {
  // Of what has not come, the person is told.
  onCaughtError: (e) => { if (!(e instanceof Missing)) console.error(e); },
}).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={resolver} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

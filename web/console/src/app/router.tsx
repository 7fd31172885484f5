import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, notFound, redirect, rootRouteId, type RouterHistory } from '@tanstack/react-router';
import { readAlarmsSearch } from '../alarms/search';
import { readDevicesSearch } from '../devices/search';
import { readFleetSearch } from '../fleet/search';
import { readNewSearch } from '../library/search';
import { readPeopleSearch } from '../people/search';
import { readProposeSearch } from '../orders/search';
import { readPumpSearch } from '../pump/search';
import { readRecordSearch } from '../record/search';
import { sessionQuery } from '../session/session';
import { readSignInSearch } from '../signin/search';
import { readWorkSearch } from '../work/search';
import { Frame } from './Frame';
import { Root } from './Root';
import { Broken, NotFound, Nowhere, Starting } from './fallbacks';
import { parseSearch, stringifySearch } from './searchparams';
import { sitesQuery } from './useSites';

interface Context {
  readonly queries: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Root, notFoundComponent: NotFound, errorComponent: Broken });

const signIn = createRoute({
  getParentRoute: () => root,
  path: 'sign-in',
  validateSearch: readSignInSearch,
  component: lazyRouteComponent(() => import('../signin/SignIn')),
});

const signInBack = createRoute({
  getParentRoute: () => root,
  path: 'sign-in/back',
  validateSearch: (raw: Record<string, unknown>) => raw,
  component: lazyRouteComponent(() => import('../signin/Back')),
});

const enrol = createRoute({ getParentRoute: () => root, path: 'enrol', component: lazyRouteComponent(() => import('../signin/Enrol')) });

const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  beforeLoad: async ({ context, location, matches }) => {
    const me = await context.queries.ensureQueryData(sessionQuery);
    // Nobody has to sign in to learn that there is nothing.
    if (!me && matches.some((m) => m.routeId === '/frame/$')) throw notFound({ routeId: rootRouteId });
    if (!me) throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { to: location.href } });
    if (me.enrolling) throw redirect({ to: '/enrol', search: {} });
    // Names before screens. A screen does without them when they cannot be read: it asks for them again.
    if (!context.queries.getQueryData(sitesQuery.queryKey)) await context.queries.prefetchQuery({ ...sitesQuery, retry: false });
    return { me };
  },
  component: Frame,
});

const home = createRoute({ getParentRoute: () => frame, path: '/', component: lazyRouteComponent(() => import('../home/HomePage')) });

const status = createRoute({ getParentRoute: () => frame, path: 'status', component: lazyRouteComponent(() => import('../status/StatusPage')) });

const help = createRoute({ getParentRoute: () => frame, path: 'help', component: lazyRouteComponent(() => import('../help/HelpPage')) });

const doc = createRoute({ getParentRoute: () => frame, path: 'help/$doc', component: lazyRouteComponent(() => import('../help/DocPage')) });
const fleet = createRoute({
  getParentRoute: () => frame,
  path: 'fleet',
  validateSearch: readFleetSearch,
  component: lazyRouteComponent(() => import('../fleet/FleetPage')),
});

const groups = createRoute({ getParentRoute: () => frame, path: 'groups', component: lazyRouteComponent(() => import('../groups/GroupsPage')) });

const pump = createRoute({
  getParentRoute: () => frame,
  path: 'pumps/$id',
  validateSearch: readPumpSearch,
  component: lazyRouteComponent(() => import('../pump/PumpPage')),
});

const register = createRoute({ getParentRoute: () => frame, path: 'pumps/new', component: lazyRouteComponent(() => import('../register/RegisterPage')) });

const stock = createRoute({
  getParentRoute: () => frame,
  path: 'devices',
  validateSearch: readDevicesSearch,
  component: lazyRouteComponent(() => import('../devices/DevicesPage')),
});

const work = createRoute({ getParentRoute: () => frame, path: 'work', validateSearch: readWorkSearch, component: lazyRouteComponent(() => import('../work/WorkPage')) });

const recalls = createRoute({ getParentRoute: () => frame, path: 'recalls', component: lazyRouteComponent(() => import('../recalls/RecallsPage')) });
const recall = createRoute({ getParentRoute: () => frame, path: 'recalls/$id', component: lazyRouteComponent(() => import('../recalls/RecallPage')) });

const alarms = createRoute({
  getParentRoute: () => frame,
  path: 'alarms',
  validateSearch: readAlarmsSearch,
  component: lazyRouteComponent(() => import('../alarms/AlarmsPage')),
});

const record = createRoute({
  getParentRoute: () => frame,
  path: 'record',
  validateSearch: readRecordSearch,
  component: lazyRouteComponent(() => import('../record/RecordPage')),
});

const orders = createRoute({ getParentRoute: () => frame, path: 'orders', component: lazyRouteComponent(() => import('../orders/OrdersPage')) });
const order = createRoute({ getParentRoute: () => frame, path: 'orders/$id', component: lazyRouteComponent(() => import('../orders/OrderPage')) });
const propose = createRoute({ getParentRoute: () => frame, path: 'pumps/$id/propose', validateSearch: readProposeSearch, component: lazyRouteComponent(() => import('../orders/ProposePage')) });

const library = createRoute({ getParentRoute: () => frame, path: 'library', component: lazyRouteComponent(() => import('../library/LibraryPage')) });
const libraryNew = createRoute({ getParentRoute: () => frame, path: 'library/new', validateSearch: readNewSearch, component: lazyRouteComponent(() => import('../library/NewPage')) });
const libraryVersion = createRoute({ getParentRoute: () => frame, path: 'library/$version', component: lazyRouteComponent(() => import('../library/VersionPage')) });
const libraryEdit = createRoute({ getParentRoute: () => frame, path: 'library/$version/edit', component: lazyRouteComponent(() => import('../library/EditPage')) });

const keyset = createRoute({ getParentRoute: () => frame, path: 'keyset', component: lazyRouteComponent(() => import('../keyset/KeysetPage')) });

const reportPage = createRoute({ getParentRoute: () => frame, path: 'reports', component: lazyRouteComponent(() => import('../reports/ReportsPage')) });
const onCallPage = createRoute({ getParentRoute: () => frame, path: 'on-call', component: lazyRouteComponent(() => import('../oncall/OnCallPage')) });

const security = createRoute({ getParentRoute: () => frame, path: 'me', component: lazyRouteComponent(() => import('../me/SecurityPage')) });

const people = createRoute({
  getParentRoute: () => frame,
  path: 'people',
  validateSearch: readPeopleSearch,
  component: lazyRouteComponent(() => import('../people/PeoplePage')),
});

const nowhere = createRoute({ getParentRoute: () => frame, path: '$', component: Nowhere });

const routeTree = root.addChildren([signIn, signInBack, enrol, frame.addChildren([home, status, help, doc, security, fleet, groups, register, pump, propose, orders, order, alarms, stock, work, recalls, recall, library, libraryNew, libraryVersion, libraryEdit, keyset, reportPage, onCallPage, record, people, nowhere])]);

export function makeRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    ...(history ? { history } : {}),
    context: { queries },
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    defaultPendingComponent: Starting,
    defaultPendingMs: 300,
    defaultErrorComponent: Broken,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

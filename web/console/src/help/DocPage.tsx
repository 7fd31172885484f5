import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useTitle } from '../app/useTitle';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { docs, readDoc } from './docs';
import css from './help.module.css';
import { Markdown } from './Markdown';

const route = getRouteApi('/frame/help/$doc');

/** A document of the product, in the product: what is installed is what is described. */
export default function DocPage() {
  const { doc } = route.useParams();
  const about = docs.find((d) => d.name === doc);
  useTitle(about?.title ?? 'Help');
  const query = useQuery({ queryKey: ['doc', doc], queryFn: () => readDoc(doc), staleTime: Infinity, retry: false });
  const text = query.data;
  useEffect(() => {
    if (text && location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  }, [text]);
  if (!about || text === null) return <Empty page title="There is no such document" action={<Link className="link" to="/help" search={{}}>All documents</Link>} />;
  return (
    <div className={css.doc}>
      <p><Link className="link" to="/help" search={{}}>Help</Link></p>
      {query.isPending && <><Loading what={about.title} page={about.title} /><Ghost width="100%" height={480} /></>}
      {query.isError && <Trouble page={about.title} what={about.title} error={query.error} retry={() => void query.refetch()} />}
      {text && <article className={css.article}><Markdown source={text} /></article>}
    </div>
  );
}

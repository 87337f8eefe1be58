/** Keeps the page for visits without a network, and says when there is a newer one. Part of what is built alone. */
const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker

async function keepPage(workers: ServiceWorkerContainer): Promise<void> {
  const wasKept = workers.controller !== null
  workers.addEventListener('controllerchange', () => {
    if (wasKept) announceVersion()
    else if (!crossOriginIsolated && isUntouched()) location.reload()
  })
  await workers.register('./service-worker.js')
}

/**
 * A page that its server sends without the headers for threads has them when it comes from the service worker: it is
 * loaded once more, unless somebody is at it.
 */
function isUntouched(): boolean {
  const [visit] = performance.getEntriesByType('navigation')
  const isReload = visit instanceof PerformanceNavigationTiming && visit.type === 'reload'
  return !isReload && !navigator.userActivation.hasBeenActive
}

function announceVersion(): void {
  const note = document.createElement('p')
  note.className = 'note'
  note.role = 'status'
  document.querySelector('header')?.append(note)
  note.textContent = 'A new version of this page is ready. It comes when you load the page again.'
}

// There are none where the page is not served over https. A browser that may keep nothing refuses; the page goes on.
if (workers !== undefined) {
  const keep = () => void keepPage(workers).catch(() => {})
  // In one file with scripts that wait for something, this may run after the page is loaded.
  if (document.readyState === 'complete') keep()
  else addEventListener('load', keep)
}

/**
 * The page's own script, as text: names of points for mouse, finger and keyboard, the switch between light and dark,
 * and closed details opened for printing. Without it everything but the switch is still there: browsers show the
 * points' titles.
 */
export const pageScript = `
(() => {
  const tip = document.getElementById('tip')
  let on
  const clear = () => { on?.classList.remove('on'); on = undefined; tip.hidden = true }
  const show = (point) => {
    if (on === point) return
    clear()
    on = point
    point.classList.add('on')
    tip.textContent = point.dataset.tip
    tip.hidden = false
    const box = point.getBoundingClientRect()
    const { width, height } = tip.getBoundingClientRect()
    const middle = box.left + box.width / 2
    const top = box.top - height - 8
    tip.style.left = Math.max(8, Math.min(innerWidth - width - 8, middle - width / 2)) + 'px'
    tip.style.top = (top > 8 ? top : box.bottom + 8) + 'px'
  }
  // Where points are, asked once until something moves them.
  let middles = new Map()
  const forget = () => { middles = new Map() }
  addEventListener('scroll', forget, { capture: true, passive: true })
  addEventListener('toggle', forget, { capture: true })
  addEventListener('resize', forget)
  for (const svg of document.querySelectorAll('figure svg')) {
    const points = [...svg.querySelectorAll('.gp-point, path:has(> title)')]
    for (const point of points) {
      const title = point.querySelector('title')
      point.dataset.tip = title.textContent
      title.remove()
    }
    if (points.length === 0) continue
    const middleOf = (point) => {
      const known = middles.get(point)
      if (known) return known
      const box = point.getBoundingClientRect()
      const middle = [box.left + box.width / 2, box.top + box.height / 2, box]
      middles.set(point, middle)
      return middle
    }
    const distance = (point, x, y) => {
      const [a, b, box] = middleOf(point)
      const isWithin = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom
      return point.matches('path') ? (isWithin && point.matches(':hover') ? 30 : 1e9) : isWithin ? Math.hypot(a - x, b - y) / 1e3 : Math.hypot(a - x, b - y)
    }
    const nearest = (event) => {
      let [best, least] = [undefined, 36]
      for (const point of points) {
        const d = distance(point, event.clientX, event.clientY)
        if (d < least) [best, least] = [point, d]
      }
      if (best) show(best)
      else clear()
    }
    svg.addEventListener('pointermove', nearest)
    svg.addEventListener('pointerdown', nearest)
    svg.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') clear() })
    svg.tabIndex = 0
    const order = () => [...points].sort((a, b) => middleOf(a)[0] - middleOf(b)[0] || middleOf(a)[1] - middleOf(b)[1])
    svg.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
      if (event.key === 'Escape') return clear()
      if (step === undefined) return
      event.preventDefault()
      const sorted = order()
      const at = sorted.indexOf(on)
      show(sorted[at < 0 ? (step > 0 ? 0 : sorted.length - 1) : (at + step + sorted.length) % sorted.length])
    })
    svg.addEventListener('blur', clear)
  }
  addEventListener('scroll', clear, { passive: true })

  const root = document.documentElement
  const themes = ['auto', 'light', 'dark']
  const signs = { auto: '◐', light: '☀', dark: '☾' }
  const button = document.getElementById('theme')
  const remember = (theme) => { try { localStorage.setItem('genepool-theme', theme) } catch {} }
  const recall = () => { try { return localStorage.getItem('genepool-theme') } catch { return null } }
  const use = (theme) => {
    if (theme === 'auto') delete root.dataset.theme
    else root.dataset.theme = theme
    button.textContent = signs[theme]
    button.title = 'Colours: ' + theme
    button.setAttribute('aria-label', button.title)
  }
  let theme = themes.includes(recall()) ? recall() : 'auto'
  use(theme)
  button.hidden = false
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length]
    use(theme)
    remember(theme)
  })

  let opened = []
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll('details:not([open])')]
    for (const one of opened) one.open = true
  })
  addEventListener('afterprint', () => { for (const one of opened) one.open = false })
})()
`

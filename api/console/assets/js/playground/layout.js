// Where the nodes of a graph stand and how its edges run: in columns by depth, in rows that turn at the end like a snake.

/** @typedef {{ id: string, name: string, segment?: string | number | null }} GraphNode */
/** @typedef {{ from: string, to: string, capacity?: number | null }} GraphEdge */
/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/**
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {Map<string, Box>} boxes
 * @property {{ edge: GraphEdge, path: string, middle: { x: number, y: number } }[]} edges
 */

const HEIGHT = 50;
const LANE = 14;
const ROW = 34;
const TURN = 16;
const MARGIN = 4;
/** Below the last row: what is written under a channel. */
const LABEL = 18;

/**
 * @param {GraphNode[]} nodes
 * @param {GraphEdge[]} edges
 * @param {number} width of the place, in pixels
 * @returns {Layout}
 */
export function layout(nodes, edges, width) {
  const narrow = width < 440;
  const [box, gap] = narrow ? [96, 26] : [114, 38];
  const depth = depths(nodes, edges);
  /** @type {GraphNode[][]} */
  const columns = [];
  for (const node of nodes) (columns[depth.get(node.id) ?? 0] ??= []).push(node);
  const inRow = Math.max(1, Math.floor((width - 2 * (MARGIN + TURN) + gap) / (box + gap)));
  const rows = Math.max(1, Math.ceil(columns.length / inRow));
  // As many columns in each row, rather than one left over in the last.
  const even = Math.ceil(columns.length / rows);

  const boxes = new Map();
  let top = MARGIN;
  for (let row = 0; row < rows; row += 1) {
    const here = columns.slice(row * even, (row + 1) * even);
    const lanes = Math.max(1, ...here.map((column) => column.length));
    here.forEach((column, place) => {
      const at = row % 2 ? even - 1 - place : place;
      const x = MARGIN + TURN + at * (box + gap);
      const shift = ((lanes - column.length) * (HEIGHT + LANE)) / 2;
      column.forEach((node, lane) => boxes.set(node.id, { x, y: top + shift + lane * (HEIGHT + LANE), width: box, height: HEIGHT }));
    });
    top += lanes * (HEIGHT + LANE) - LANE + ROW;
  }
  const used = 2 * (MARGIN + TURN) + Math.min(even, columns.length) * (box + gap) - gap;
  return { width: used, height: top - ROW + LABEL, boxes, edges: edges.filter((edge) => boxes.has(edge.from) && boxes.has(edge.to)).map((edge) => run(edge, boxes)) };
}

/**
 * The longest way from a source to each node; edges that lead back do not count.
 * @param {GraphNode[]} nodes
 * @param {GraphEdge[]} edges
 */
function depths(nodes, edges) {
  /** @type {Map<string, number>} */
  const depth = new Map();
  const open = new Set();
  const visit = (/** @type {string} */ id) => {
    const known = depth.get(id);
    if (known !== undefined) return known;
    open.add(id);
    let found = 0;
    for (const edge of edges) if (edge.to === id && !open.has(edge.from)) found = Math.max(found, visit(edge.from) + 1);
    open.delete(id);
    depth.set(id, found);
    return found;
  };
  for (const node of nodes) visit(node.id);
  return depth;
}

/**
 * @param {GraphEdge} edge
 * @param {Map<string, Box>} boxes
 */
function run(edge, boxes) {
  const from = /** @type {Box} */ (boxes.get(edge.from));
  const to = /** @type {Box} */ (boxes.get(edge.to));
  const a = { x: from.x + from.width / 2, y: from.y + from.height / 2 };
  const b = { x: to.x + to.width / 2, y: to.y + to.height / 2 };
  if (Math.abs(b.x - a.x) < 1) {
    // Below: out of the lower side, into the upper one.
    const down = b.y > a.y;
    const [y1, y2] = [a.y + (down ? 1 : -1) * (from.height / 2), b.y + (down ? -1 : 1) * (to.height / 2)];
    return { edge, path: `M${a.x} ${y1}L${b.x} ${y2}`, middle: { x: a.x, y: (y1 + y2) / 2 } };
  }
  const way = b.x > a.x ? 1 : -1;
  const [x1, x2] = [a.x + (way * from.width) / 2, b.x - (way * to.width) / 2];
  const middle = { x: (x1 + x2) / 2, y: (a.y + b.y) / 2 };
  if (Math.abs(b.y - a.y) < 1) return { edge, path: `M${x1} ${a.y}L${x2} ${b.y}`, middle };
  return { edge, path: `M${x1} ${a.y}C${middle.x} ${a.y} ${middle.x} ${b.y} ${x2} ${b.y}`, middle };
}

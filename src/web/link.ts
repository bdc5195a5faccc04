// The place that a link leads to: #block=1.1&channel=19.

export interface Place {
  block: string;
  channel: number;
}

/** What a fragment says, or undefined for what it does not say or cannot mean. */
export function parseLink(fragment: string): Partial<Place> {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  const [block, channel] = [parameters.get('block') ?? '', parameters.get('channel') ?? ''];
  return {
    ...(/^[1-4]\.\d{1,2}$/.test(block) && { block }),
    ...(/^\d{1,4}$/.test(channel) && { channel: Number(channel) }),
  };
}

export const formatLink = ({ block, channel }: Place): string => `#block=${block}&channel=${channel}`;

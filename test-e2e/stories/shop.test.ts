import { testStories } from '../harness/test-stories.ts'
import { badInput } from './bad-input.ts'
import { churn } from './churn.ts'
import { garbage } from './garbage.ts'
import { SHOP_STORIES } from './shop.ts'

testStories({ ...SHOP_STORIES, 'bad-input': [...badInput, garbage], churn: [churn(64, 60)] })

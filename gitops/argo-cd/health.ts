/**
 * The health of an Environment or a Preview, in Argo CD's Lua, by its conditions: Healthy where Ready is True,
 * Degraded where it is Stalled, Progressing otherwise, and as long as the manager has not seen this generation.
 */
export const HEALTH = `local health = { status = "Progressing", message = "not seen by Branchline's manager yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local stalled = false
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    stalled = true
  end
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
if stalled and health.status ~= "Healthy" then
  health.status = "Degraded"
end
return health
`
